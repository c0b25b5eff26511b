"""Matching: by pose and expression, whoever, wherever and however large."""

import numpy as np
import pytest

from facepipe.compositing.matching import distances, look_of, mouth_opening, nearest, reference_head
from facepipe_tests.compositing.painted import mesh_points, turned


@pytest.fixture(scope="module")
def faces():
    return np.stack([turned(mesh_points(o), yaw) for o in (0, 6, 14) for yaw in (-30, 0, 30)])


def found(face, faces):
    head = reference_head(faces)
    return int(distances(look_of(face[None], head), look_of(faces, head)).argmin())


@pytest.mark.parametrize("index", range(9))
def test_each_face_is_nearest_to_itself_wherever_it_is_and_however_large(faces, index):
    moved = faces[index] * 2.5 + np.array([300, -40, 7], np.float32)
    assert found(moved, faces) == index


def test_another_shape_of_face_finds_the_same_look(faces):
    other = turned(mesh_points(mouth_open=14, wide=0.9), 30)
    assert found(other, faces) == 8


def test_an_order_of_the_faces_changes_no_distance(faces):
    head = reference_head(faces)
    look = look_of(faces[:1], head)
    forward = distances(look, look_of(faces, head))
    backward = distances(look, look_of(faces[::-1], head))
    np.testing.assert_allclose(forward, backward[::-1], atol=1e-5)


def test_weights_sum_to_one_and_prefer_the_nearest():
    chosen, weights = nearest(np.float32([3, 1, 2, 9]), 2)
    assert chosen.tolist() == [1, 2]
    assert weights[0] > weights[1] > 0
    assert weights.sum() == pytest.approx(1)


def test_the_mixture_does_not_jump_when_two_faces_change_places():
    before, after = np.float32([1, 1.5, 2.0, 2.001]), np.float32([1, 1.5, 2.001, 2.0])
    shares = []
    for distance in (before, after):
        share = np.zeros(4)
        chosen, weights = nearest(distance, 3)
        share[chosen] = weights
        shares.append(share)
    assert np.abs(shares[0] - shares[1]).max() < 0.01


def test_a_face_that_would_move_no_colour_by_a_level_is_left_out():
    chosen, weights = nearest(np.float32([0, 5, 5.1, 6]), 3)
    assert chosen.tolist() == [0]
    assert weights.tolist() == [1]


def test_a_single_stored_face_is_always_chosen():
    chosen, weights = nearest(np.float32([4]), 3)
    assert chosen.tolist() == [0]
    assert weights.tolist() == [1]


def test_an_open_mouth_measures_wider_than_a_closed_one():
    assert mouth_opening(mesh_points(14)) > 3 * mouth_opening(mesh_points(0))
