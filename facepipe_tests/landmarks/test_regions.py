"""The regions are closed outlines of the 478 points, mirrored left and right."""

import numpy as np
import pytest

from facepipe.errors import ShapeError
from facepipe.landmarks import regions

OUTLINES = ("FACE_OVAL", "LIPS_OUTER", "LIPS_INNER", "RIGHT_EYE", "LEFT_EYE")


@pytest.mark.parametrize("name", [*OUTLINES, "RIGHT_BROW", "LEFT_BROW"])
def test_a_region_names_each_of_its_points_once(name):
    region = getattr(regions, name)
    assert len(set(region)) == len(region)
    assert all(0 <= point < regions.POINTS for point in region)


def square(region, size_px=40, corner_px=10):
    """Points `(478, 2)` that put an outline's points around a square."""
    points = np.zeros((478, 2), np.float32)
    turn = np.linspace(0, 4, len(region), endpoint=False)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])
    along = np.stack([np.interp(turn, range(5), corners[:, axis]) for axis in (0, 1)], axis=1)
    points[list(region)] = along * size_px + corner_px
    return points


def test_a_filled_outline_is_what_it_encloses():
    mask = regions.fill_region(square(regions.FACE_OVAL), regions.FACE_OVAL, (80, 60))
    assert mask.shape == (60, 80)
    assert mask[12:48, 12:48].all()
    assert not mask[:8].any()
    assert not mask[:, 53:].any()


def test_a_region_outside_the_picture_is_empty():
    points = square(regions.LIPS_OUTER, corner_px=500)
    assert not regions.fill_region(points, regions.LIPS_OUTER, (80, 60)).any()


def test_points_of_another_mesh_are_refused():
    with pytest.raises(ShapeError, match=r"points_px must have shape \(478, 2\)"):
        regions.fill_region(np.zeros((468, 3), np.float32), regions.FACE_OVAL, (80, 60))


def test_the_five_points_are_irises_nose_and_mouth_corners():
    points = np.arange(478 * 3, dtype=np.float32).reshape(478, 3)
    five = regions.five_points(np.stack([points, points]))
    assert five.shape == (2, 5, 2)
    np.testing.assert_array_equal(five[0], points[[468, 473, 1, 61, 291], :2])


def test_the_distance_of_the_eyes_ignores_depth():
    points = np.zeros((3, 478, 3), np.float32)
    points[:, 473] = [30, 40, 999]
    np.testing.assert_allclose(regions.inter_ocular_px(points), 50)
