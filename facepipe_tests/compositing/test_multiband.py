"""Bands: the face where it is shown in full, the frame's bits where it is not, soft between."""

import numpy as np
import pytest

from facepipe.compositing.multiband import mix_bands

Y, X = np.mgrid[:90, :120]


@pytest.fixture
def pictures():
    rng = np.random.default_rng(4)
    return tuple(rng.integers(0, 256, (90, 120, 3), np.uint8) for _ in range(2))


def test_a_full_mask_shows_the_face_and_an_empty_one_the_frame(pictures):
    below, above = pictures
    np.testing.assert_array_equal(mix_bands(below, above, np.ones((90, 120), np.float32)), above)
    np.testing.assert_array_equal(mix_bands(below, above, np.zeros((90, 120), np.float32)), below)


def test_outside_the_mask_no_bit_changes(pictures):
    below, above = pictures
    mask = np.clip(1.5 - np.hypot(X - 60, Y - 45) / 25, 0, 1).astype(np.float32)
    mixed = mix_bands(below, above, mask)
    np.testing.assert_array_equal(mixed[mask == 0], below[mask == 0])
    assert (mixed != below).any()


def test_broad_colours_change_over_more_widely_than_fine_detail():
    mask = np.clip((X - 50) / 20, 0, 1).astype(np.float32)
    stripes = np.where(X % 2, 30, -30)[..., None]
    grey = np.full((90, 120, 3), 120)
    fine = mix_bands(grey.astype(np.uint8), (grey + stripes).astype(np.uint8), mask)
    broad = mix_bands(grey.astype(np.uint8), np.full((90, 120, 3), 150, np.uint8), mask)
    share_of_detail = np.abs(fine[45, :, 0].astype(float) - 120) / 30
    share_of_colour = (broad[45, :, 0].astype(float) - 120) / 30
    assert share_of_detail[90] > 0.95
    assert share_of_colour[75] < 0.9 * share_of_detail[75]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 200)])
def test_slivers_of_pictures_are_mixed_as_well(shape):
    below, above = np.zeros((*shape, 3), np.uint8), np.full((*shape, 3), 200, np.uint8)
    assert (mix_bands(below, above, np.ones(shape, np.float32)) == 200).all()
