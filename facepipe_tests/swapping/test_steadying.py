"""Filters in time: calm where nothing moves, and nothing older than their window is remembered."""

import numpy as np
import pytest

from facepipe.compositing.transfer import TRANSFERS
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import (
    Moment,
    Recent,
    SteadyColours,
    SteadySquares,
    SteadyValues,
    memory_s,
)

SIZE = 32


def moments(count=30, fps=25, scene=0, track=0):
    return [Moment(k / fps, scene, track) for k in range(count)]


def noise(count, seed=0):
    return list(np.random.default_rng(seed).integers(110, 120, (count, SIZE, SIZE, 3), np.uint8))


def squares_of(steady, times, pictures):
    return [steady.picture(at, rgb) for at, rgb in zip(times, pictures, strict=True)]


def test_only_the_window_is_remembered_and_the_later_counts_the_more():
    recent = Recent(0.1)
    for at in moments(9):
        seen = recent.add(at, at.pts_s)
    assert [value for value, _ in seen] == pytest.approx([0.32, 0.28, 0.24])
    assert [share for _, share in seen] == pytest.approx([1, 0.6, 0.2])


@pytest.mark.parametrize("other", [Moment(0.12, 1, 0), Moment(0.12, 0, 5), Moment(9.0, 0, 0)])
def test_another_shot_another_face_and_a_long_gap_begin_anew(other):
    recent = Recent(1.0)
    for at in moments(3):
        recent.add(at, "before")
    assert recent.add(other, "now") == [("now", 1)]


def test_with_no_window_what_is_now_is_all_there_is():
    values = SteadyValues(0)
    for at in moments(4):
        np.testing.assert_array_equal(values.at(at, np.full(3, at.pts_s)), np.full(3, at.pts_s))


def test_a_swap_that_starts_later_in_a_shot_is_the_same_bit_for_bit():
    times, pictures, window_s = moments(), noise(30), 0.2
    skin = np.ones((SIZE, SIZE), np.float32)

    def from_frame(first):
        squares, colours = SteadySquares(window_s), SteadyColours(TRANSFERS["mkl"], 1, window_s)
        calm = squares_of(squares, times[first:], pictures[first:])
        return [
            colours.match(rgb, rgb // 2, skin, at)
            for at, rgb in zip(times[first:], calm, strict=True)
        ]

    whole, part = from_frame(0), from_frame(12)
    begun = round(2 * window_s * 25)
    np.testing.assert_array_equal(whole[12 + begun :], part[begun:])
    assert (whole[13] != part[1]).any()


def test_what_decides_a_frame_is_told_by_the_settings():
    assert memory_s(SwapSettings(steady_s=0, colour_window_s=0)) == 0
    assert memory_s(SwapSettings()) <= 1
    assert memory_s(SwapSettings(steady_s=0.5, colour_window_s=0.1)) == pytest.approx(0.8)


def test_noise_that_trembles_is_calmed():
    pictures = noise(30)
    calm = squares_of(SteadySquares(0.2), moments(), pictures)

    def tremble(shown):
        return np.abs(np.diff(np.stack(shown).astype(float), axis=0)).mean()

    assert tremble(calm) < 0.5 * tremble(pictures)


def test_what_moves_is_not_smeared():
    before, now = noise(2)
    now[:, :16] = 240
    steady = SteadySquares(0.2)
    first, second = moments(2)
    steady.picture(first, before)
    assert np.abs(steady.picture(second, now)[:, :12].astype(int) - 240).max() <= 1


def test_a_mask_changes_at_once_only_where_its_picture_does():
    still = np.full((SIZE, SIZE, 3), 120, np.uint8)
    moved = still.copy()
    moved[:, :16] = 20
    steady = SteadySquares(0.2)
    first, second = moments(2)
    steady.mask(first, np.ones((SIZE, SIZE), np.float32), still)
    mask = steady.mask(second, np.zeros((SIZE, SIZE), np.float32), moved)
    assert mask[:, :10].max() < 0.01
    assert mask[:, 22:].min() > 0.3


def test_what_never_changes_stays_as_it_is():
    (picture,) = noise(1)
    assert all(
        (calm == picture).all()
        for calm in squares_of(SteadySquares(0.5), moments(10), [picture] * 10)
    )
