"""Numbers of the report: what each rises with, and what leaves it alone."""

import cv2
import numpy as np
import pytest

from facepipe.compositing.blend import paste
from facepipe.compositing.masks import hull_mask
from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points, landmark_error_iod
from facepipe.swapping.metrics import (
    FaceMasks,
    background_ssim,
    changes,
    face_pair,
    leakage,
    seam_delta_e,
)
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import HEIGHT, WIDTH, frame_of

SIZE_PX = 128
NOWHERE = FaceMasks(np.zeros((SIZE_PX, SIZE_PX), np.float32))


@pytest.fixture(scope="module")
def face():
    return frame_of(mesh_points())


def mask_of(points, *, erosion=0.0, feather=0.02):
    """A mask in the face's network square, and the transform to it."""
    transform = network_transform(five_points(points), SIZE_PX)
    there = apply_transform(transform, points)
    return hull_mask(there, (SIZE_PX, SIZE_PX), erosion=erosion, feather=feather), transform


def recoloured(face, shift, **band):
    """The frame with what the mask shows shifted in colour, and the mask."""
    frame, points = face
    mask, transform = mask_of(points, **band)
    shifted = np.clip(frame.astype(int) + shift, 0, 255).astype(np.uint8)
    square = cv2.warpAffine(shifted, transform, (SIZE_PX, SIZE_PX), borderMode=cv2.BORDER_REFLECT)
    return paste(frame, square, mask, transform), FaceMasks(mask)


def seam(face, swapped, masks):
    return seam_delta_e(face_pair(face[0], swapped, face[1], masks))


def test_a_change_under_the_mask_leaves_the_background_s_likeness_at_one(face):
    frame, points = face
    assert background_ssim(frame, frame, []) == pytest.approx(1)
    for erosion in (0.1, 0.0, -0.1):  # a mask may reach beyond the outline
        swapped, masks = recoloured(face, 40, erosion=erosion)
        assert background_ssim(frame, swapped, [(points, masks.shown)]) > 0.9999


def test_a_change_beyond_the_mask_lowers_the_background_s_likeness(face):
    frame, points = face
    swapped, _ = recoloured(face, 60, erosion=-0.1)
    smaller, _ = mask_of(points, erosion=0.1)
    assert background_ssim(frame, swapped, [(points, smaller)]) < 0.998
    assert background_ssim(frame, swapped, []) < background_ssim(
        frame, swapped, [(points, smaller)]
    )


def test_noise_in_the_background_lowers_its_likeness(face):
    frame, points = face
    noise = np.random.default_rng(0).normal(0, 12, frame.shape)
    noisy = np.clip(frame + noise, 0, 255).astype(np.uint8)
    assert background_ssim(frame, noisy, [(points, mask_of(points)[0])]) < 0.8


def test_a_swapped_video_widened_to_an_even_size_is_compared_where_both_are(face):
    frame, _ = face
    wider = np.pad(frame[:, :-1], ((0, 0), (0, 1), (0, 0)), mode="edge")
    assert background_ssim(frame[:, :-1], wider, []) == pytest.approx(1)


def test_an_unchanged_face_has_no_seam_and_a_harder_edge_a_larger_one(face):
    masks = recoloured(face, 0)[1]
    assert seam(face, face[0], masks) == (0, 0)
    seams = [seam(face, *recoloured(face, shift))[0] for shift in (20, 40)]
    assert 1 < seams[0] < seams[1]


@pytest.mark.parametrize("erosion", [0.12, 0.0, -0.1])
def test_the_seam_is_measured_where_the_mask_ends_and_not_at_the_outline(face, erosion):
    there = seam(face, *recoloured(face, 30, erosion=erosion))[0]
    assert there > 3
    _, elsewhere = recoloured(face, 0, erosion=erosion + 0.3)
    swapped, _ = recoloured(face, 30, erosion=erosion)
    assert seam(face, swapped, elsewhere)[0] < there / 3


def test_a_step_along_a_tenth_of_the_edge_shows_in_what_few_places_exceed(face):
    frame, points = face
    mask, transform = mask_of(points)
    step = np.zeros_like(frame)
    step[: int(points[10, 1]) + 8] = 70  # the forehead alone
    square = cv2.warpAffine(cv2.add(frame, step), transform, (SIZE_PX, SIZE_PX))
    mean, few = seam(face, paste(frame, square, mask, transform), FaceMasks(mask))
    assert few > 3 * mean > 0


def test_a_smoother_edge_than_the_source_s_is_no_seam(face):
    blurred = cv2.GaussianBlur(face[0], (0, 0), 4)
    assert seam(face, blurred, recoloured(face, 0)[1])[0] < 1


def test_a_swap_that_is_not_shown_has_no_edge_to_measure(face):
    assert np.isnan(seam(face, face[0], NOWHERE)).all()


def test_a_moving_face_changes_little_once_aligned(face):
    frame, points = face
    masks = FaceMasks(mask_of(points)[0])
    shift = np.array([[1, 0, 9], [0, 1, 6]], np.float32)
    moved = cv2.warpAffine(frame, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    before = face_pair(frame, frame, points, masks)
    there = points + np.array([9, 6, 0], np.float32)
    aligned = changes(before, face_pair(moved, moved, there, masks))
    assert aligned.source == aligned.swap < 0.5
    assert changes(before, face_pair(moved, moved, points, masks)).source > 5 * aligned.source


def test_flicker_is_seen_in_the_swap_alone(face):
    lit, masks = recoloured(face, 15)
    before = face_pair(face[0], face[0], face[1], masks)
    change = changes(before, face_pair(face[0], lit, face[1], masks))
    assert change.source == change.source_calm == 0
    assert change.swap == pytest.approx(15, abs=2)
    assert change.swap_calm == pytest.approx(15, abs=2)


def test_grain_hides_a_flicker_only_as_long_as_it_is_counted(face):
    frame, points = face
    masks = FaceMasks(mask_of(points)[0])
    grain = np.random.default_rng(1).normal(0, 12, (2, *frame.shape))
    noisy = [np.clip(frame + each, 0, 255).astype(np.uint8) for each in grain]
    lit = np.clip(frame.astype(int) + 3, 0, 255).astype(np.uint8)
    change = changes(
        face_pair(noisy[0], frame, points, masks), face_pair(noisy[1], lit, points, masks)
    )
    assert change.swap < change.source
    assert change.swap_calm > 1.5 * change.source_calm


def test_leakage_is_the_share_of_what_hides_the_face_that_the_swap_painted_over(face):
    frame, points = face
    mask, transform = mask_of(points)
    visible = np.ones((SIZE_PX, SIZE_PX), np.float32)
    visible[64:] = 0  # the lower half is hidden
    square = cv2.warpAffine(cv2.add(frame, np.full_like(frame, 50)), transform, (SIZE_PX, SIZE_PX))

    def leaked(shown):
        swapped = paste(frame, square, shown, transform)
        return leakage(face_pair(frame, swapped, points, FaceMasks(shown, visible)))

    kept_out, painted_over = leaked(np.minimum(mask, visible)), leaked(mask)
    assert 0.2 < kept_out[0] == painted_over[0] < 0.8
    assert kept_out[1] < 0.1
    assert painted_over[1] > 0.9


def test_leakage_is_unknown_where_nobody_looked_and_where_nothing_is_in_front(face):
    frame, points = face
    mask, _ = mask_of(points)
    assert np.isnan(leakage(face_pair(frame, frame, points, FaceMasks(mask)))).all()
    share, leaked = leakage(face_pair(frame, frame, points, FaceMasks(mask, np.ones_like(mask))))
    assert share == 0
    assert np.isnan(leaked)


def test_landmark_error_is_a_share_of_the_eyes_distance_at_any_size():
    points = mesh_points()
    eyes_px = np.linalg.norm(points[468, :2] - points[473, :2])
    moved = points + np.float32([0.1 * eyes_px, 0, 50])
    assert landmark_error_iod(points, moved) == pytest.approx(0.1, abs=1e-4)
    assert landmark_error_iod(points * 3, moved * 3) == pytest.approx(0.1, abs=1e-4)
