"""Membranes: a face takes the seam's colours and keeps all of its own detail."""

import numpy as np
import pytest

from facepipe.compositing.membrane import CELLS, lay_over, membrane
from facepipe.errors import ShapeError

SIZE = 128
Y, X = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
RADIUS = np.hypot(X, Y)
RING = np.clip(1 - np.abs(RADIUS - 45) / 4, 0, 1).astype(np.float32)
MIDDLE = RADIUS < 5


@pytest.fixture
def face():
    return np.random.default_rng(7).integers(60, 190, (SIZE, SIZE, 3), np.uint8)


@pytest.mark.parametrize("reach_px", [1, 20, 500])
@pytest.mark.parametrize("offset", [(12, -7, 40), (-50, -50, -50)])
def test_a_constant_offset_is_reproduced_exactly(face, offset, reach_px):
    there = (face + np.array(offset)).astype(np.uint8)
    blended = lay_over(face, membrane(face, there, RING, reach_px))
    np.testing.assert_array_equal(blended, there)


def test_a_face_that_agrees_with_its_seam_is_left_alone(face):
    there = np.where(RING[..., None] > 0, face, 0).astype(np.uint8)
    np.testing.assert_array_equal(lay_over(face, membrane(face, there, RING, 20)), face)


def test_without_a_seam_nothing_is_known_and_nothing_changes(face):
    nowhere = np.zeros((SIZE, SIZE), np.float32)
    assert not membrane(face, 255 - face, nowhere, 20).any()


def test_a_slope_of_light_is_carried_across_the_whole_face():
    face = np.full((SIZE, SIZE, 3), 120, np.uint8)
    light = np.broadcast_to(0.3 * X[..., None], face.shape)
    there = np.round(face + light).astype(np.uint8)
    found = lay_over(face, membrane(face, there, RING, 5000)).astype(float) - face
    inside = RADIUS < 40
    np.testing.assert_allclose(found[inside], light[inside], atol=2.5)


def test_what_differs_in_one_place_reaches_no_further_than_told():
    face = np.full((SIZE, SIZE, 3), 120, np.uint8)
    there = face.copy()
    there[Y > 30] = 90
    near, far = (membrane(face, there, RING, reach) for reach in (6, 5000))
    usual = near[CELLS // 2, CELLS // 2, 0]
    assert near[-5, CELLS // 2, 0] < usual - 8
    top_near, top_far = (abs(m[CELLS // 2 + 4, CELLS // 2, 0] - usual) for m in (near, far))
    assert top_near < 0.25 * top_far


def test_hair_across_the_seam_hardly_stains_the_face():
    face = np.full((SIZE, SIZE, 3), 180, np.uint8)
    there = face.copy()
    there[Y < -30] = 20
    found = membrane(face, there, RING, 20)
    assert np.abs(found[CELLS // 2, CELLS // 2]).max() < 6


def test_pictures_and_seams_of_other_sizes_are_refused(face):
    with pytest.raises(ShapeError, match="there_rgb"):
        membrane(face, face[:64], RING, 20)
    with pytest.raises(ShapeError, match="seam"):
        membrane(face, face, RING[:64], 20)
