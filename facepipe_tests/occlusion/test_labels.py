"""Labels say what is known of a face, painted masks come first, and go along with the face."""

import cv2
import numpy as np
import pytest

from facepipe.errors import BadInputError, MediaError
from facepipe.landmarks.alignment import FACE_PX, face_transform
from facepipe.landmarks.regions import FACE_OVAL, fill_region, five_points
from facepipe.occlusion.keyframes import between, keyframe_files, keyframe_label
from facepipe.occlusion.labels import (
    FACE,
    NO_FACE,
    UNKNOWN,
    label_faces,
    load_labels,
    outline_label,
    save_labels,
)
from facepipe_tests.identity.conftest import face_points

POINTS = face_points()


def test_a_label_is_sure_inside_and_outside_the_outline_and_unknown_along_it():
    label = outline_label(POINTS, FACE_PX)
    inside = fill_region(POINTS, FACE_OVAL, (FACE_PX, FACE_PX))
    assert (label[~inside] != FACE).all()
    assert (label[inside] != NO_FACE).all()
    assert {FACE, UNKNOWN, NO_FACE} == set(np.unique(label))
    rim = cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    assert (label[rim > 0] == UNKNOWN).all()


def test_of_the_forehead_above_the_outline_nothing_is_known_but_of_the_hair_beside_it():
    label, top = outline_label(POINTS, FACE_PX), POINTS[10, :2]
    x, y = np.round(top + 0.15 * (top - POINTS[152, :2])).astype(int)
    assert label[y, x] == UNKNOWN
    left, right = POINTS[[127, 356], 0]
    beside = label[int(POINTS[127, 1]), [int(left) - 45, int(right) + 45]]
    assert (beside == NO_FACE).all()


def test_what_an_occluder_doubts_is_unknown_and_what_was_painted_is_not_doubted():
    crops = np.zeros((2, FACE_PX, FACE_PX, 3), np.uint8)
    painted = np.full((FACE_PX, FACE_PX), FACE, np.uint8)
    shares = np.ones((256, 256), np.float32)
    shares[:, 128:] = 0
    one, other = label_faces(crops, np.stack([POINTS] * 2), {1: painted}, lambda _: shares)
    assert (one[:, 160:288] != FACE).all()
    assert (one[140:220, 110:160] == FACE).all()
    assert (other == FACE).all()


def test_what_an_occluder_doubts_in_every_frame_is_known_to_be_a_face():
    crops = np.zeros((20, FACE_PX, FACE_PX, 3), np.uint8)
    crops[:, 40, 40] = np.arange(20)[:, None]

    def shares(square):
        found = np.ones((256, 256), np.float32)
        found[:, 128:] = 0.2  # a beard
        found[:128, :128] = float(square[8, 8, 0] > 11)  # a hand, in the first twelve frames
        return found

    labels = label_faces(crops, np.stack([POINTS] * 20), {}, shares)
    assert (labels[0][170:220, 165:210] == FACE).all()
    assert (labels[0][130:150, 125:150] == UNKNOWN).all()
    assert (labels[15][130:150, 125:150] == FACE).all()


def test_labels_come_back_as_they_were_saved(tmp_path):
    labels = [outline_label(POINTS, FACE_PX), np.full((FACE_PX, FACE_PX), UNKNOWN, np.uint8)]
    save_labels(tmp_path, labels)
    assert np.array_equal(load_labels(tmp_path, 2), np.stack(labels))
    with pytest.raises(BadInputError, match="make the occlusion masks again"):
        load_labels(tmp_path, 3)


def painted_frame(folder, points, shown):
    """A frame's mask, white where the stored square of the face is in `shown`."""
    move = face_transform(five_points(points))
    inverse = cv2.invertAffineTransform(move)
    mask = cv2.warpAffine(shown, inverse, (640, 480), flags=cv2.INTER_NEAREST)
    cv2.imwrite(str(folder / "mask_frame_000004.png"), mask)
    return folder / "mask_frame_000004.png"


def test_a_painted_mask_lies_over_its_face_wherever_that_is_in_the_frame(tmp_path):
    shown = np.zeros((FACE_PX, FACE_PX), np.uint8)
    shown[100:200, 80:160] = 255
    moved = POINTS * 0.8 + np.array([150, 60, 0], np.float32)
    label = keyframe_label(painted_frame(tmp_path, moved, shown), moved, (640, 480))
    assert np.abs(label - shown / 255).mean() < 0.01


def test_between_keyframes_the_mask_changes_with_time_and_beyond_them_nothing_is_known():
    none, all_of_it = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    keyframes = {10: all_of_it, 20: none}
    assert between(keyframes, 9) is None
    assert between(keyframes, 21) is None
    assert between({}, 3) is None
    found = {frame: between(keyframes, frame) for frame in (10, 12, 15, 18, 20)}
    assert [int(found[frame][0, 0]) for frame in found] == [255, 255, 127, 0, 0]
    assert (between({5: all_of_it}, 5) == FACE).all()


def test_masks_of_other_names_and_sizes_are_refused(tmp_path):
    assert keyframe_files(tmp_path) == {}
    masks = tmp_path / "masks"
    masks.mkdir()
    cv2.imwrite(str(masks / "mask_frame_000012.png"), np.zeros((48, 64), np.uint8))
    (path,) = keyframe_files(tmp_path).values()
    with pytest.raises(MediaError, match="64 x 48; a mask as large as its frame"):
        keyframe_label(path, POINTS, (640, 480))
    path.write_text("no picture")
    with pytest.raises(MediaError, match="no picture"):
        keyframe_label(path, POINTS, (64, 48))
    path.rename(masks / "mask_12.png")
    with pytest.raises(MediaError, match="not a mask's name"):
        keyframe_files(tmp_path)
