"""Drawn eyes and lips go where the target's are, and nothing else moves."""

import numpy as np
import pytest

from facepipe.landmarks.alignment import resized
from facepipe.landmarks.regions import LIPS_OUTER
from facepipe.swapping.expression import CANVAS_PX, ExpressionKeeper, bent
from facepipe_tests.compositing.painted import mesh_points, paint

SHUT, OPEN = mesh_points(0), mesh_points(10)


def unlike(one, other, points_px):
    """Mean difference of two pictures around the mouth."""
    first, last = points_px[list(LIPS_OUTER), :2].min(0) - 8, points_px[list(LIPS_OUTER), :2].max(0)
    (x0, y0), (x1, y1) = first.astype(int), last.astype(int) + 8
    return np.abs(one[y0:y1, x0:x1].astype(float) - other[y0:y1, x0:x1]).mean()


def test_an_open_mouth_is_shut_where_the_targets_is():
    drawn, wanted = paint(OPEN), paint(SHUT)
    shut = bent(drawn, OPEN, SHUT, 1.0)
    assert unlike(shut, wanted, OPEN) < 0.75 * unlike(drawn, wanted, OPEN)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_is_in_its_place_stays_there(share):
    drawn = paint(OPEN)
    np.testing.assert_array_equal(bent(drawn, OPEN, OPEN, share), drawn)
    np.testing.assert_array_equal(bent(drawn, OPEN, SHUT, 0.0), drawn)


def test_the_outline_does_not_move():
    drawn = np.random.default_rng(1).integers(0, 256, (320, 320, 3), np.uint8)
    changed = (bent(drawn, OPEN, SHUT, 1.0) != drawn).any(axis=2)
    assert changed.any()
    assert not changed[:, :40].any()
    assert not changed[:40].any()


def test_a_face_that_is_not_found_again_stays_as_it_is():
    pictures = np.zeros((2, CANVAS_PX, CANVAS_PX, 3), np.uint8)
    pictures[:, ::7, ::5] = 200
    points = np.stack([resized(OPEN, 1.5)] * 2)
    far = resized(SHUT, 1.5)[None] + np.float32([400, 0, 0])
    keeper = ExpressionKeeper(lambda seen: [far, np.zeros((0, 478, 3), np.float32)], 1.0)
    np.testing.assert_array_equal(keeper.refine(pictures, points), pictures)
    near = ExpressionKeeper(lambda seen: [resized(SHUT, 1.5)[None]] * 2, 1.0)
    assert (near.refine(pictures, points) != pictures).any()
