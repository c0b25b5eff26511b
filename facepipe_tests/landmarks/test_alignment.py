"""Alignment puts faces where every consumer of the network expects them."""

import cv2
import numpy as np
import pytest
from insightface.utils import face_align

from facepipe.errors import ShapeError
from facepipe.landmarks.alignment import (
    ARCFACE_112,
    FACE_PX,
    NETWORK_112,
    apply_transform,
    arcface_transform,
    cut,
    face_transform,
    network_from_face,
    network_transform,
    similarity,
)

FIVE = np.array([[210, 190], [280, 200], [246, 240], [212, 275], [268, 282]], np.float32)

OLD_SKIMAGE_CALL = pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")


def similar(angle_deg, scale, shift):
    cosine, sine = scale * np.cos(np.radians(angle_deg)), scale * np.sin(np.radians(angle_deg))
    return np.array([[cosine, -sine, shift[0]], [sine, cosine, shift[1]]], np.float32)


@pytest.mark.parametrize("truth", [similar(0, 1, (0, 0)), similar(170, 0.3, (-40, 900))])
def test_a_similarity_is_found_again(truth):
    found = similarity(FIVE, apply_transform(truth, FIVE))
    np.testing.assert_allclose(found, truth, atol=2e-3)


def test_a_mirrored_face_is_turned_not_mirrored():
    found = similarity(FIVE, FIVE * [-1, 1])
    assert np.linalg.det(found[:, :2]) > 0


def test_points_of_another_shape_are_refused():
    with pytest.raises(ShapeError, match=r"from_points must have shape \(N, 2\)"):
        similarity(np.zeros((5, 3), np.float32), ARCFACE_112)


@OLD_SKIMAGE_CALL
@pytest.mark.parametrize("size_px", [128, 256])
def test_the_network_square_is_the_one_insightface_cuts(size_px):
    expected = face_align.estimate_norm(FIVE, size_px)
    np.testing.assert_allclose(network_transform(FIVE, size_px), expected, atol=1e-2)


@OLD_SKIMAGE_CALL
def test_the_arcface_square_is_the_one_insightface_cuts():
    expected = face_align.estimate_norm(FIVE, 112)
    np.testing.assert_allclose(arcface_transform(FIVE), expected, atol=1e-2)


@pytest.mark.parametrize("size_px", [128, 256])
def test_the_way_through_the_stored_face_ends_in_the_network_square(size_px):
    stored = apply_transform(face_transform(FIVE), FIVE)
    straight = apply_transform(network_transform(FIVE, size_px), FIVE)
    np.testing.assert_allclose(
        apply_transform(network_from_face(size_px), stored), straight, atol=1e-3
    )


def test_the_network_square_fills_the_stored_face_but_its_margin():
    corners = np.array([[32, 32], [FACE_PX - 32, FACE_PX - 32]], np.float32)
    np.testing.assert_allclose(
        apply_transform(network_from_face(), corners), [[0, 0], [128, 128]], atol=1e-4
    )
    assert NETWORK_112.min() > 0


def test_depth_grows_with_the_face():
    points = np.array([[1, 2, 3]], np.float32)
    moved = apply_transform(similar(30, 2, (5, 6)), points)
    assert moved[0, 2] == pytest.approx(6)
    np.testing.assert_array_equal(points, [[1, 2, 3]])


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def test_a_cut_without_scale_copies_the_pixels(picture):
    square = cut(picture, similar(0, 1, (-20, -10)), 64)
    np.testing.assert_array_equal(square, picture[10:74, 20:84])


def test_a_cut_beyond_the_border_repeats_it(picture):
    square = cut(picture, similar(0, 1, (30, 0)), 64)
    np.testing.assert_array_equal(square[:, :30], np.repeat(picture[:64, :1], 30, axis=1))


def test_a_strong_reduction_averages_instead_of_picking_pixels():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 200
    square = cut(stripes, similar(0, 0.125, (0, 0)), 64)
    assert np.abs(square[2:-2, 2:-2].astype(int) - 100).max() <= 2


@pytest.mark.parametrize("scale", [0.4, 0.2, 0.1])
def test_a_reduced_cut_keeps_its_place(scale):
    frame = np.zeros((480, 640, 3), np.uint8)
    cv2.circle(frame, (300, 200), 40, (255, 255, 255), -1)
    square = cut(frame, similar(0, scale, (0, 0)), int(640 * scale)).mean(axis=-1)
    rows, columns = np.mgrid[: square.shape[0], : square.shape[1]]
    centre = np.array([(columns * square).sum(), (rows * square).sum()]) / square.sum()
    np.testing.assert_allclose(centre, np.array([300, 200]) * scale, atol=0.3)
