"""Several people in a film: each gets their own face, and nobody else a pixel."""

import dataclasses

import numpy as np
import pytest

from facepipe.compositing.masks import hull_mask
from facepipe.media.decode import decode
from facepipe.swapping.casting import Part
from facepipe.swapping.film import film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.takes import Take, swapped_frames
from facepipe.swapping.video import swap_video
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import (
    HEIGHT,
    PTS,
    WIDTH,
    Painter,
    frame_of,
    landmarks_of,
    write_clip,
)

SETTINGS = SwapSettings(blend="feather", crf=5, preset="ultrafast", batch=4, fade_s=0)
GREEN, BLUE = (0, 200, 0), (0, 0, 220)
LEFT, RIGHT = 4, 9
ABSENT = (3, 6)
"""Frames in which the person on the right is not seen."""


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A film of two small faces, the right one of which is away for two frames."""
    frame, points = frame_of(mesh_points())
    small = frame[::2, ::2]
    both = np.hstack([small, small])
    frames = [np.vstack([both, both[::-1]])] * len(PTS)
    left = points * 0.5
    right = left + np.float32([WIDTH / 2, 0, 0])
    seen = [None if row in ABSENT else right for row in range(len(PTS))]
    one, two = (
        landmarks_of([left] * len(PTS), [LEFT] * len(PTS)),
        landmarks_of(seen, [RIGHT] * len(PTS)),
    )
    joined = {
        name: np.concatenate([getattr(one, name), getattr(two, name)], axis=1)
        for name in ("points_px", "score", "track_id", "bridged")
    }
    path = write_clip(tmp_path_factory.mktemp("two") / "clip.mp4", frames, sound=False)
    return film_of([path], dataclasses.replace(one, **joined))


def take(film, *parts):
    painters = {"ada": Painter(GREEN), "eve": Painter(BLUE, size_px=64)}
    who = [Part(identity, frozenset({track})) for identity, track in parts]
    return Take(film, who, painters)


def colours(film, shown):
    """The colour of the left and of the right face's middle in each frame, and the rest's mean."""
    found = []
    for rgb in shown:
        masks = [
            hull_mask(film.landmarks.points_px[0, slot], (WIDTH, HEIGHT), erosion=0.1, feather=0.05)
            for slot in (0, 1)
        ]
        found.append([rgb[mask == 1].mean(0) for mask in masks])
    return np.array(found)


def test_each_person_gets_the_face_that_was_mapped_to_them_in_every_frame(film, tmp_path):
    log = swap_video(take(film, ("ada", RIGHT), ("eve", LEFT)), tmp_path / "out.mp4", SETTINGS)
    found = colours(film, [frame.rgb for frame in decode(tmp_path / "out.mp4")])
    away = np.isin(np.arange(len(PTS)), ABSENT)
    np.testing.assert_allclose(found[:, 0], np.tile(BLUE, (len(PTS), 1)), atol=12)
    np.testing.assert_allclose(found[~away, 1], np.tile(GREEN, (len(PTS) - 2, 1)), atol=12)
    assert log["swapped"].all()


def test_one_identity_may_replace_everybody(film):
    shown = swapped_frames(take(film, ("ada", LEFT), ("ada", RIGHT)), SETTINGS, film.frames())
    found = colours(film, [one.rgb for one in shown])
    np.testing.assert_allclose(found[0], [GREEN, GREEN], atol=2)


def test_who_has_no_part_keeps_every_bit_and_so_do_frames_without_any(film):
    shown = list(swapped_frames(take(film, ("ada", RIGHT)), SETTINGS, film.frames()))
    half = slice(0, WIDTH // 2 - 20)
    for one, same in zip(shown, film.frames(), strict=True):
        np.testing.assert_array_equal(one.rgb[:, half], same.rgb[:, half])
        assert np.array_equal(one.rgb, same.rgb) == (one.frame.index in ABSENT)


def test_each_drawn_square_is_told_with_its_face(film):
    both = take(film, ("ada", RIGHT), ("eve", LEFT))
    told = [
        (spot.role, square_rgb.shape[0])
        for one in swapped_frames(both, SETTINGS, film.frames())
        for spot, (square_rgb, _) in one.drawn.squares.items()
    ]
    assert len(told) == 2 * len(PTS) - len(ABSENT)
    assert set(told) == {(0, 128), (1, 64)}


def test_a_fading_face_lies_between_the_target_s_and_the_drawn_one(film):
    fading = dataclasses.replace(SETTINGS, fade_s=0.3)
    shown = [one.rgb for one in swapped_frames(take(film, ("ada", RIGHT)), fading, film.frames())]
    green = colours(film, shown)[:, 1, 0]
    before = colours(film, [frame.rgb for frame in film.frames()])[:, 1, 0]
    assert (np.abs(np.diff(green)) <= 0.25 * np.abs(before).max() + 3).all()
    assert green[0] < 0.65 * before[0]
    assert before[0] > green[2] > green[1] > green[0]
