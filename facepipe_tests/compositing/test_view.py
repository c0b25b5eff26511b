"""The view: the whole face and little more, on a grid that stays where it is."""

import cv2
import numpy as np
import pytest

from facepipe.compositing.masks import face_depth
from facepipe.compositing.view import view_of
from facepipe.landmarks.alignment import apply_transform, network_from_face
from facepipe_tests.compositing.painted import mesh_points, paint, turned


def square(size_px=128, yaw_deg=0.0, shift_px=(0.0, 0.0)):
    points = apply_transform(network_from_face(size_px), turned(mesh_points(), yaw_deg))
    picture = cv2.resize(paint(mesh_points()), (size_px, size_px))
    return picture, points + np.float32([*shift_px, 0])


@pytest.mark.parametrize("size_px", [100, 128, 160, 256])
@pytest.mark.parametrize("yaw_deg", [0.0, 35.0])
def test_the_view_holds_all_that_lies_within_reach_of_the_outline(size_px, yaw_deg):
    picture, points = square(size_px, yaw_deg)
    view = view_of(picture, points, 0.04)
    beyond = np.ones((size_px, size_px), bool)
    beyond[view.rows, view.columns] = False
    assert beyond.mean() > 0.1
    assert face_depth(points, (size_px, size_px))[beyond].max() < -0.04


def test_what_the_view_shows_lies_where_its_points_say():
    picture, points = square()
    view = view_of(picture, points, 0.04)
    np.testing.assert_array_equal(view.crop_rgb, picture[view.rows, view.columns])
    origin = np.float32([view.columns.start, view.rows.start])
    np.testing.assert_allclose(view.points_px[:, :2] + origin, points[:, :2], atol=1e-4)
    np.testing.assert_allclose((view.coarse_px + 0.5) * 2 - 0.5, view.points_px[:, :2], atol=1e-4)


def test_the_coarse_grid_stays_in_place_as_the_face_moves():
    for shift in np.linspace(-6, 6, 9):
        view = view_of(*square(shift_px=(shift, -shift)), 0.04)
        assert view.rows.start % 4 == 0
        assert view.columns.start % 4 == 0
        assert view.coarse_wh == tuple(side // 2 for side in view.size_wh)


@pytest.mark.parametrize("shift_px", [(-300.0, 0.0), (0.0, 300.0)])
def test_a_face_out_of_the_square_leaves_a_view_of_its_border(shift_px):
    view = view_of(*square(shift_px=shift_px), 0.04)
    assert min(view.size_wh) >= 1
    assert view.depth.max() < 0
