"""Colour transfer: skin takes the light of its new place, and black hair stays black."""

import numpy as np
import pytest

from facepipe.compositing.colour import (
    ColourStatistics,
    from_lab,
    lab_statistics,
    masked_difference,
    move_colours,
    spread_out,
    to_lab,
)
from facepipe.errors import NoFaceError


@pytest.fixture
def skin(rng):
    return np.clip(rng.normal((190, 140, 110), 8, (40, 40, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


EVERYWHERE = np.ones((40, 40), np.float32)


def test_lab_and_back_is_the_same_picture(rng):
    picture = rng.integers(0, 256, (40, 40, 3), np.uint8)
    assert np.abs(from_lab(to_lab(picture)).astype(int) - picture).max() <= 1


def test_colours_moved_to_themselves_stay(skin):
    lab = to_lab(skin)
    own = lab_statistics(lab, EVERYWHERE)
    np.testing.assert_allclose(move_colours(lab, own, own), lab, atol=1e-4)


def test_skin_takes_the_wanted_colour(skin):
    lab = to_lab(skin)
    own = lab_statistics(lab, EVERYWHERE)
    wanted = ColourStatistics(own.mean + np.float32([-12, 6, -9]), own.deviation)
    moved = lab_statistics(move_colours(lab, own, wanted), EVERYWHERE)
    np.testing.assert_allclose(moved.mean, wanted.mean, atol=0.7)


def test_black_stays_black_when_the_light_turns_blue(skin):
    lab = to_lab(skin)
    own = lab_statistics(lab, EVERYWHERE)
    blue = ColourStatistics(own.mean + np.float32([0, 0, -40]), own.deviation)
    black = move_colours(np.zeros((1, 1, 3), np.float32), own, blue)
    np.testing.assert_allclose(black, 0, atol=1e-5)


def test_half_the_light_halves_the_colour_of_lips_too(skin):
    lab = to_lab(skin)
    own = lab_statistics(lab, EVERYWHERE)
    dimmer = ColourStatistics(own.mean * np.float32(0.7), own.deviation)
    lips = np.float32([[[own.mean[0] * 0.8, 45, 20]]])
    np.testing.assert_allclose(move_colours(lips, own, dimmer, 0), lips * 0.7, rtol=1e-4)


def test_statistics_count_only_what_the_mask_shows(skin):
    half = EVERYWHERE.copy()
    half[:, 20:] = 0
    spoiled = skin.copy()
    spoiled[:, 20:] = 255
    there, clean = (lab_statistics(to_lab(picture), half) for picture in (spoiled, skin))
    np.testing.assert_array_equal(there.mean, clean.mean)


def test_an_empty_mask_is_refused(skin):
    with pytest.raises(NoFaceError, match="empty"):
        lab_statistics(to_lab(skin), np.zeros((40, 40), np.float32))


def test_statistics_filtered_all_the_way_are_the_new_ones(skin):
    old = lab_statistics(to_lab(skin), EVERYWHERE)
    new = ColourStatistics(old.mean + 5, old.deviation * 2)
    np.testing.assert_allclose(old.towards(new, 1.0).mean, new.mean)
    np.testing.assert_allclose(old.towards(new, 0.5).deviation, old.deviation * 1.5)


def test_a_difference_in_light_is_found_and_nothing_bleeds_in_from_outside(skin):
    lab = to_lab(skin)
    brighter = lab + np.float32([10, 0, 0])
    brighter[:, 30:] = -1000
    mask = EVERYWHERE.copy()
    mask[:, 30:] = 0
    found = spread_out(masked_difference(lab, brighter, mask), 5)
    np.testing.assert_allclose(found[:, :30, 0], 10, atol=0.1)
