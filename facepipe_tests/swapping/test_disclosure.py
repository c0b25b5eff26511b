"""A text that was asked for stands on every frame and picture of a swap."""

import numpy as np
import pytest

from facepipe.compositing.notice import Notice
from facepipe.errors import SettingsError
from facepipe.media.decode import decode
from facepipe.media.pictures import read_picture
from facepipe.swapping.beside import write_pictures
from facepipe.swapping.film import film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.video import swap_video
from facepipe_tests.swapping.clips import (
    HEIGHT,
    WIDTH,
    Painter,
    landmarks_of,
    one_part,
    talking,
    write_clip,
)
from facepipe_tests.swapping.test_film import pictures

TEXT = "AI-made"
SETTINGS = SwapSettings(crf=4, preset="ultrafast", blend="feather", fade_s=0, disclosure=TEXT)
BLACK, WHITE = (np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (0, 255))
LETTERS = Notice(TEXT).on(BLACK)[..., 0] > 250
EDGE = (Notice(TEXT).on(WHITE)[..., 0] < 5) & ~LETTERS


def has_notice(picture_rgb):
    return picture_rgb[LETTERS].mean() > 180 and picture_rgb[EDGE].mean() < 75


@pytest.fixture
def film(tmp_path):
    frames, points = talking()
    points[3] = None
    path = write_clip(tmp_path / "clip.mp4", frames)
    return film_of([path], landmarks_of(points, [0, 0, 0, -1, 0, 0, 0, 0, 0, 0]))


def test_every_frame_has_it_also_one_in_which_nobody_is_swapped(film, tmp_path):
    log = swap_video(one_part(film, {0}, Painter()), tmp_path / "out.mp4", SETTINGS)
    assert not log["swapped"].all()
    assert not any(has_notice(frame.rgb) for frame in film.frames())
    assert [has_notice(frame.rgb) for frame in decode(tmp_path / "out.mp4")] == [True] * 10


def test_the_rest_of_a_frame_is_as_without_it(film, tmp_path):
    take = one_part(film, {0}, Painter())
    for name, text in (("with", TEXT), ("without", "")):
        settings = SwapSettings(**{**vars(SETTINGS), "crf": 0, "disclosure": text})
        swap_video(take, tmp_path / f"{name}.mp4", settings)
    for one, other in zip(
        decode(tmp_path / "with.mp4"), decode(tmp_path / "without.mp4"), strict=True
    ):
        np.testing.assert_array_equal(one.rgb[: HEIGHT * 3 // 4], other.rgb[: HEIGHT * 3 // 4])


def test_pictures_have_it_in_their_own_size(tmp_path):
    paths, landmarks = pictures(tmp_path, [(WIDTH, HEIGHT)])
    (_,), (points,) = talking(1)
    landmarks.points_px[:, 0], landmarks.track_id[:, 0] = points, 0
    take = one_part(film_of(paths, landmarks), {0}, Painter())
    write_pictures(take, landmarks, SETTINGS, tmp_path / "out")
    assert not has_notice(read_picture(paths[0]))
    assert has_notice(read_picture(tmp_path / "out" / paths[0].name))


def test_what_cannot_be_drawn_is_refused_with_the_settings():
    with pytest.raises(SettingsError, match="holds 'ö'"):
        SwapSettings(disclosure="größer")
