"""Pasting: inside the mask the face, outside it the frame's own bits."""

import cv2
import numpy as np
import pytest

from facepipe.compositing.blend import cut_square, paste, region_of_interest
from facepipe.landmarks.alignment import cut

TRANSFORM = np.array([[0.8, 0.1, -40], [-0.1, 0.8, -10]], np.float32)


@pytest.fixture
def frame():
    return np.random.default_rng(2).integers(0, 256, (180, 240, 3), np.uint8)


@pytest.fixture
def face():
    return np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)


def round_mask(value=1.0):
    y, x = np.mgrid[:64, :64] - 31.5
    return (np.clip(25 - np.hypot(x, y), 0, 1) * value).astype(np.float32)


def test_a_zero_mask_returns_the_frame_bit_for_bit(frame, face):
    pasted = paste(frame, face, np.zeros((64, 64), np.float32), TRANSFORM)
    np.testing.assert_array_equal(pasted, frame)


def test_outside_the_mask_nothing_changes(frame, face):
    pasted = paste(frame, face, round_mask(), TRANSFORM)
    changed = (pasted != frame).any(axis=2)
    centre = np.linalg.solve(TRANSFORM[:, :2], np.array([31.5, 31.5]) - TRANSFORM[:, 2])
    y, x = np.nonzero(changed)
    assert changed.any()
    assert np.hypot(x - centre[0], y - centre[1]).max() < 26 / 0.8 + 1


def test_the_frame_itself_is_left_alone(frame, face):
    before = frame.copy()
    paste(frame, face, round_mask(), TRANSFORM)
    np.testing.assert_array_equal(frame, before)


def test_a_full_mask_shows_the_face_where_it_was_cut():
    y, x = np.mgrid[:180, :240]
    smooth = np.stack([x, y, (x + y) / 2], 2).astype(np.uint8)
    square = cut(smooth, TRANSFORM, 64)
    pasted = paste(np.zeros_like(smooth), square, round_mask(), TRANSFORM)
    middle = pasted[52:72, 72:92].astype(int)
    assert np.abs(middle - smooth[52:72, 72:92]).max() <= 2


@pytest.mark.parametrize("shift_px", [(-230, 0), (0, -170), (60, 60), (5000, 0)])
def test_a_face_partly_or_wholly_beyond_the_frame_is_cut_off(frame, face, shift_px):
    moved = TRANSFORM.copy()
    moved[:, 2] += shift_px
    assert paste(frame, face, round_mask(), moved).shape == frame.shape


def test_only_the_rectangle_around_the_face_is_computed():
    rows, columns = region_of_interest(round_mask(), np.eye(2, 3, dtype=np.float32), (1920, 1080))
    assert (rows.stop - rows.start) <= 56
    assert (columns.stop - columns.start) <= 56


@pytest.mark.parametrize("scale", [0.12, 0.3, 0.45, 0.9, 2.0])
@pytest.mark.parametrize("shift_px", [(-20, -10), (10, 20), (-100, 8)])
def test_a_square_cut_from_its_part_of_the_frame_is_the_same_as_from_all_of_it(scale, shift_px):
    rng = np.random.default_rng(5)
    noise = rng.integers(0, 256, (180, 256, 3), np.uint8)
    frame = cv2.resize(cv2.GaussianBlur(noise, (0, 0), 2), (1024, 720))
    transform = np.array([[scale, 0.02, 0], [-0.02, scale, 0]], np.float32)
    transform[:, 2] = shift_px
    whole = cut(frame, transform, 64).astype(int)
    assert np.abs(cut_square(frame, transform, 64) - whole).max() <= 1
