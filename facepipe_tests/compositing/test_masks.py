"""Masks: exactly nothing outside, whole inside, no straight seam at the crop's border."""

import numpy as np
import pytest

from facepipe.compositing.masks import (
    face_depth,
    hull_mask,
    mouth_interior_mask,
    skin_mask,
    without_eyes,
)
from facepipe.landmarks.regions import FACE_OVAL, LIPS_INNER, RIGHT_EYE, fill_region
from facepipe_tests.compositing.painted import mesh_points

SIZE_WH = (320, 320)


def test_the_hull_is_zero_outside_the_face_and_one_in_its_middle():
    points = mesh_points()
    mask = hull_mask(points, SIZE_WH, erosion=0.02, feather=0.1)
    assert not mask[~fill_region(points, FACE_OVAL, SIZE_WH)].any()
    assert mask[170, 160] == 1
    assert 0 <= mask.min() <= mask.max() <= 1


def test_a_wider_feather_never_shows_more():
    points = mesh_points()
    narrow = hull_mask(points, SIZE_WH, erosion=0.02, feather=0.05)
    wide = hull_mask(points, SIZE_WH, erosion=0.02, feather=0.2)
    assert (wide <= narrow + 1e-6).all()
    assert wide.sum() < narrow.sum()


@pytest.mark.parametrize("shift_px", [(-120, 0), (150, 30), (0, 140), (0, -150)])
def test_a_face_cut_by_the_border_fades_before_it(shift_px):
    points = mesh_points()
    points[:, :2] += shift_px
    mask = hull_mask(points, SIZE_WH, erosion=0.0, feather=0.1)
    for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]):
        assert not edge.any()
    steps = max(np.abs(np.diff(mask, axis=axis)).max() for axis in (0, 1))
    assert 0 < steps < 0.2


def test_the_mask_moves_by_fractions_of_a_pixel_with_the_face():
    points = mesh_points()
    still = hull_mask(points, SIZE_WH, erosion=0.0, feather=0.1)
    moved = points + np.array([0.25, 0, 0], np.float32)
    difference = np.abs(hull_mask(moved, SIZE_WH, erosion=0.0, feather=0.1) - still)
    assert 0 < difference.max() < 0.04


def test_depth_is_a_share_of_the_face_and_so_the_same_at_any_size():
    points = mesh_points()
    depth = face_depth(points, SIZE_WH)
    half = face_depth((points - 0.5) / 2, (160, 160))
    assert np.abs(half[85, 80] - depth[170:172, 160:162].mean()) < 0.01


def test_the_mouth_is_what_lies_between_the_lips():
    points = mesh_points(mouth_open=20)
    mask = mouth_interior_mask(points, SIZE_WH, feather=0.25)
    assert mask.max() == 1
    assert mask[~fill_region(points, LIPS_INNER, SIZE_WH)].max() < 0.3
    closed = mouth_interior_mask(mesh_points(), SIZE_WH, feather=0.25)
    assert closed.sum() < 0.3 * mask.sum()


def test_skin_is_measured_where_there_are_no_eyes_and_lips():
    points = mesh_points()
    skin = skin_mask(points, SIZE_WH) > 0
    assert skin.any()
    assert not skin[fill_region(points, RIGHT_EYE, SIZE_WH)].any()
    assert not skin[fill_region(points, LIPS_INNER, SIZE_WH)].any()
    assert not without_eyes(np.ones((320, 320), np.float32), points)[139, 124]
