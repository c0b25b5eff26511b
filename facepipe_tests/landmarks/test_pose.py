"""Pose has the sign it says, ignores place and size, and follows what was rendered."""

from pathlib import Path

import numpy as np
import pytest

from facepipe.errors import ShapeError
from facepipe.landmarks.landmarker import FaceFinder
from facepipe.landmarks.pose import _FACE, _STABLE, head_pose_deg
from facepipe.synthetic import Clip, render


def turned(yaw_deg, pitch_deg, roll_deg):
    """A canonical face `(478, 3)` in MediaPipe's axes, turned about x, then y, then z."""
    (cy, cp, cr), (sy, sp, sr) = (
        f(np.radians([yaw_deg, pitch_deg, roll_deg])) for f in (np.cos, np.sin)
    )
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    points = np.zeros((478, 3), np.float32)
    points[_STABLE] = (_FACE @ (about_z @ about_y @ about_x).T) * [1, 1, -1]
    return points


@pytest.mark.parametrize(
    "pose_deg", [(0, 0, 0), (40, 0, 0), (-40, 0, 0), (0, 25, 0), (0, 0, 30), (50, -20, -35)]
)
def test_a_turned_face_gives_its_angles_wherever_it_is(pose_deg):
    points = turned(*pose_deg) * 13 + np.float32([400, 300, -50])
    np.testing.assert_allclose(head_pose_deg(points), pose_deg, atol=1e-2)


@pytest.mark.parametrize(
    ("pose_deg", "axis", "sign"), [((20, 0, 0), 0, 1), ((-20, 0, 0), 0, -1), ((0, 20, 0), 1, 1)]
)
def test_positive_yaw_moves_the_nose_right_and_positive_pitch_down(pose_deg, axis, sign):
    nose, brow = 4, 10
    shift = turned(*pose_deg)[nose] - turned(0, 0, 0)[nose]
    assert np.sign(shift[axis]) == sign
    assert turned(0, 0, 20)[brow, 0] > 0  # clockwise: the forehead goes right


def test_each_face_has_its_own_pose_and_an_unseen_one_none():
    faces = np.stack([turned(10, 0, 0), np.full((478, 3), np.nan), turned(-10, 0, 0)])
    pose = head_pose_deg(faces[:, None].astype(np.float32))
    np.testing.assert_allclose(pose[:, 0, 0], [10, np.nan, -10], atol=1e-2)


def test_flat_points_are_refused():
    with pytest.raises(ShapeError, match=r"must have shape \(..., 478, 3\), got \(5, 478, 2\)"):
        head_pose_deg(np.zeros((5, 478, 2), np.float32))


@pytest.mark.realmedia
def test_it_follows_rendered_heads(bundle: Path):
    clip = Clip(seeds=(43,), size=256, frames=90)
    frames = range(0, 90, 9)
    with FaceFinder(bundle, 1, moving=False) as finder:
        seen = [
            (truth.pose_deg[0], head_pose_deg(finder.find(frame_rgb, 0.0)[0][0]))
            for frame_rgb, truth in render(clip, list(frames))
        ]
    truth, found = (np.array(column) for column in zip(*seen, strict=True))
    yaw, pitch, roll = (np.corrcoef(truth[:, axis], found[:, axis])[0, 1] for axis in range(3))
    assert min(yaw, roll) > 0.97
    assert pitch > 0.9  # what counts as level differs between faces, see the module
    assert np.abs(truth - found)[:, [0, 2]].max() < 5
