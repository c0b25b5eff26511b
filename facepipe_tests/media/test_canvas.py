"""Changes put into a source's own samples."""

from dataclasses import replace

import numpy as np
import pytest

from facepipe.media.canvas import Canvas
from facepipe.media.colour import to_rgb
from facepipe.media.decode import decode
from facepipe.media.probe import probe

HLG = {"pix_fmt": "yuv420p10le", "matrix": 9, "primaries": 9, "transfer": 18}


def changed(frame, colour=(90, 160, 70)):
    """What a frame shows with a square of one colour in it."""
    rgb = frame.rgb.copy()
    rgb[20:46, 12:40] = colour
    return rgb


def again(canvas, frame, shown_rgb):
    """What a reader of the canvas's picture sees, and its samples."""
    picture = canvas.picture(frame, shown_rgb)
    samples = picture.to_ndarray()
    picture.colorspace = frame.stored.picture.colorspace
    picture.color_range = frame.stored.picture.color_range
    return to_rgb(picture, frame.stored.turn), samples


@pytest.mark.parametrize("options", [{}, HLG, {"pix_fmt": "yuvj420p"}])
def test_what_is_not_changed_keeps_every_bit_of_every_sample(make_clip, options):
    source = make_clip(**options)
    canvas, frame = Canvas(probe(source)), next(decode(source))
    original = frame.stored.picture.to_ndarray()
    np.testing.assert_array_equal(again(canvas, frame, frame.rgb)[1], original)
    luminance = again(canvas, frame, changed(frame))[1][:64]
    outside = np.ones((64, 96), bool)
    outside[20:46, 12:40] = False
    np.testing.assert_array_equal(luminance[outside], original[:64][outside])
    assert (luminance != original[:64]).any()


@pytest.mark.parametrize(
    "options",
    [{}, HLG, {"pix_fmt": "yuvj420p"}, {"pix_fmt": "yuv444p"}, {"pix_fmt": "yuv422p10le"},
     {"matrix": 1, "primaries": 1, "transfer": 1}],
)  # fmt: skip
def test_what_is_changed_shows_the_new_colour(make_clip, options):
    source = make_clip(**options)
    canvas, frame = Canvas(probe(source)), next(decode(source))
    shown, _ = again(canvas, frame, changed(frame))
    np.testing.assert_allclose(shown[25:41, 17:36].mean((0, 1)), (90, 160, 70), atol=2)
    assert np.abs(shown.astype(int) - changed(frame)).mean() < 3


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (0, -1, 1, 0), (-1, 0, 0, -1), (-1, 0, 0, 1)])
def test_a_turned_source_stays_turned_and_changes_where_it_is_seen(make_clip, turned, matrix):
    source = turned(make_clip(), *matrix)
    canvas, frame = Canvas(probe(source)), next(decode(source))
    shown, samples = again(canvas, frame, changed(frame))
    assert samples.shape == (96, 96)
    assert canvas.form.turn == probe(source).turn
    assert np.abs(shown.astype(int) - changed(frame)).mean() < 3


def test_what_has_no_samples_of_its_own_is_stored_as_it_is_shown(make_clip):
    source = make_clip()
    frame = next(decode(source))
    picture = Canvas(replace(probe(source), kind="image")).picture(frame, changed(frame))
    assert (picture.format.name, picture.width, picture.height) == ("yuv420p", 96, 64)
