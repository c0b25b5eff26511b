"""Numbers of the report: what each rises with, and what leaves it alone."""

import cv2
import numpy as np
import pytest

from facepipe.landmarks.regions import FACE_OVAL, fill_region, landmark_error_iod
from facepipe.swapping.metrics import (
    background_ssim,
    changes,
    face_pair,
    seam_delta_e,
)
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import HEIGHT, WIDTH, frame_of


@pytest.fixture(scope="module")
def face():
    return frame_of(mesh_points())


def recoloured(frame, points, shift):
    """The frame with the face's inside shifted in colour, without feather."""
    inside = fill_region(points, FACE_OVAL, (WIDTH, HEIGHT))
    changed = frame.astype(int)
    changed[inside] += shift
    return np.clip(changed, 0, 255).astype(np.uint8)


def test_a_change_within_the_face_leaves_the_background_s_likeness_at_one(face):
    frame, points = face
    assert background_ssim(frame, frame, points[None]) == pytest.approx(1)
    assert background_ssim(frame, recoloured(frame, points, 40), points[None]) > 0.999


def test_noise_in_the_background_lowers_its_likeness(face):
    frame, points = face
    noise = np.random.default_rng(0).normal(0, 12, frame.shape)
    noisy = np.clip(frame + noise, 0, 255).astype(np.uint8)
    assert background_ssim(frame, noisy, points[None]) < 0.8


def test_a_swapped_video_widened_to_an_even_size_is_compared_where_both_are(face):
    frame, points = face
    wider = np.pad(frame[:, :-1], ((0, 0), (0, 1), (0, 0)), mode="edge")
    assert background_ssim(frame[:, :-1], wider, points[None]) == pytest.approx(1)


def test_an_unchanged_face_has_no_seam_and_a_harder_edge_a_larger_one(face):
    frame, points = face
    seams = [
        seam_delta_e(face_pair(frame, recoloured(frame, points, shift), points))
        for shift in (0, 20, 40)
    ]
    assert seams[0] == 0
    assert 1 < seams[1] < seams[2]


def test_a_smoother_edge_than_the_source_s_is_no_seam(face):
    frame, points = face
    blurred = cv2.GaussianBlur(frame, (0, 0), 4)
    assert seam_delta_e(face_pair(frame, blurred, points)) < 1


def test_a_moving_face_changes_little_once_aligned(face):
    frame, points = face
    shift = np.float32([[1, 0, 9], [0, 1, 6]])
    moved = cv2.warpAffine(frame, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    there = points + np.float32([9, 6, 0])
    source, swap = changes(face_pair(frame, frame, points), face_pair(moved, moved, there))
    assert source == swap < 0.5
    unaligned = changes(face_pair(frame, frame, points), face_pair(moved, moved, points))
    assert unaligned[0] > 5 * source


def test_flicker_is_seen_in_the_swap_alone(face):
    frame, points = face
    lit = recoloured(frame, points, 15)
    source, swap = changes(face_pair(frame, frame, points), face_pair(frame, lit, points))
    assert source == 0
    assert swap == pytest.approx(15, abs=2)


def test_landmark_error_is_a_share_of_the_eyes_distance_at_any_size():
    points = mesh_points()
    eyes_px = np.linalg.norm(points[468, :2] - points[473, :2])
    moved = points + np.float32([0.1 * eyes_px, 0, 50])
    assert landmark_error_iod(points, moved) == pytest.approx(0.1, abs=1e-4)
    assert landmark_error_iod(points * 3, moved * 3) == pytest.approx(0.1, abs=1e-4)
