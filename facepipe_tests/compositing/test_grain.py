"""Grain and detail: measured as they are, added as asked, the same for the same frame."""

import cv2
import numpy as np
import pytest

from facepipe.compositing.grain import texture_of, with_detail, with_grain

Y, X = np.mgrid[:200, :200]
SMOOTH = np.stack([110 + 40 * np.sin(X / 25), 120 + 30 * np.cos(Y / 30), X * 0.5 + 60], 2)
SMOOTH = SMOOTH.round().astype(np.uint8)
EVERYWHERE = np.ones((200, 200), np.float32)


@pytest.mark.parametrize("strength", [2.0, 5.0, 10.0])
def test_grain_is_measured_as_strong_as_it_was_added(strength):
    grainy = with_grain(SMOOTH, strength, seed=3)
    assert texture_of(grainy, EVERYWHERE, 1.5).grain == pytest.approx(strength, rel=0.1)


def test_grain_is_the_same_for_a_seed_and_other_for_another():
    one, same, other = (with_grain(SMOOTH, 6, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.5
    assert abs(float(one.mean()) - SMOOTH.mean()) < 0.5


def test_no_grain_changes_nothing():
    assert with_grain(SMOOTH, 0.0, seed=1) is SMOOTH


def test_detail_is_scaled_in_either_direction():
    sharp = np.where((X // 4 + Y // 4)[..., None] % 2, 150, 90).astype(np.uint8).repeat(3, axis=2)
    sharp = cv2.GaussianBlur(sharp, (0, 0), 1.0)
    before = texture_of(sharp, EVERYWHERE, 1.5).detail
    for times in (0.5, 1.5):
        after = texture_of(with_detail(sharp, 1.5, times), EVERYWHERE, 1.5).detail
        assert after == pytest.approx(times * before, rel=0.3)


def test_only_what_is_under_the_mask_is_measured():
    half = EVERYWHERE.copy()
    half[:, 100:] = 0
    noisy = SMOOTH.copy()
    noisy[:, 110:] = with_grain(SMOOTH, 20, seed=1)[:, 110:]
    assert texture_of(noisy, half, 1.5).grain < 1
    assert texture_of(noisy, np.zeros((200, 200), np.float32), 1.5) == (0, 0)
