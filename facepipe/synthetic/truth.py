"""What is known exactly about a rendered frame."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from facepipe.arrays import BoolArray, FloatArray, IntArray
from facepipe.files import whole_file

MESH_POINTS = {
    "eye_r_outer": 33, "eye_r_inner": 133, "eye_l_inner": 362, "eye_l_outer": 263,
    "pupil_r": 468, "pupil_l": 473, "lid_r_top": 159, "lid_r_bottom": 145, "lid_l_top": 386,
    "lid_l_bottom": 374, "mouth_r": 61, "mouth_l": 291, "lip_top": 0, "lip_inner_top": 13,
    "lip_inner_bottom": 14, "lip_bottom": 17, "nose_tip": 1, "chin": 152,
}  # fmt: skip
"""The known points, and where each is among the 478 of MediaPipe's mesh; "r" is the person's own
right, on the image's left."""
POINT_NAMES = tuple(MESH_POINTS)
"""The order of the points in `Truth.points_px`."""


@dataclass(frozen=True, eq=False)
class Truth:
    """The ground truth of one frame with P people, K = `len(POINT_NAMES)` points each.

    Attributes:
        points_px: `(P, K, 3)` x and y in pixels (0, 0 is the corner of the picture, 0.5, 0.5 the
            middle of its first pixel), and 1 where the point is visible: inside the picture and
            hidden by nothing.
        pose_deg: `(P, 3)` yaw (> 0: nose to the image's right), pitch (> 0: down), roll
            (> 0: clockwise).
        scale: `(P,)` size relative to the clip's usual one.
        blink: `(P,)` 0 with open, 1 with closed lids.
        smile: `(P,)` 0 to 1.
        eye_opening_mm: `(P,)` distance of the lids, whatever the pose.
        mouth_opening_mm: `(P,)` distance of the lips' inner edges, whatever the pose.
        face: `(P, H, W)` skin inside the face oval, where no other person is in front.
        person: `(P, H, W)` the whole person, where no other person is in front.
        occlusion: `(H, W)` where an object covers the picture, people included.
        identities: `(P,)` seeds of the people.
        shot: number of cuts before this frame.
    """

    points_px: FloatArray
    pose_deg: FloatArray
    scale: FloatArray
    blink: FloatArray
    smile: FloatArray
    eye_opening_mm: FloatArray
    mouth_opening_mm: FloatArray
    face: BoolArray
    person: BoolArray
    occlusion: BoolArray
    identities: IntArray
    shot: int

    def point_px(self, name: str) -> FloatArray:
        """Places x and y `(P, 2)` of one of `POINT_NAMES`."""
        return self.points_px[:, POINT_NAMES.index(name), :2]

    @property
    def eye_opening_px(self) -> FloatArray:
        """`(P, 2)` distance between the lids' middles in the picture; image's left eye first."""
        lids = [(f"lid_{side}_top", f"lid_{side}_bottom") for side in ("r", "l")]
        return np.stack([self._distance_px(*pair) for pair in lids], axis=1)

    @property
    def mouth_opening_px(self) -> FloatArray:
        """`(P,)` distance between the lips' inner edges in the picture."""
        return self._distance_px("lip_inner_top", "lip_inner_bottom")

    def _distance_px(self, one: str, other: str) -> FloatArray:
        return np.linalg.norm(self.point_px(one) - self.point_px(other), axis=-1)


def save_truth(truths: Sequence[Truth], path: Path) -> None:
    """Write the truth of a clip, in the order of its frames, to one `.npz`."""
    columns = {
        field.name: np.stack([np.asarray(getattr(truth, field.name)) for truth in truths])
        for field in fields(Truth)
    }
    masks = {name: np.packbits(columns.pop(name), axis=-1) for name in _MASKS}
    width = truths[0].occlusion.shape[-1]
    with whole_file(path) as aside:
        np.savez_compressed(aside, allow_pickle=False, width=width, **columns, **masks)


def load_truth(path: Path) -> list[Truth]:
    """Read what `save_truth` wrote."""
    with np.load(path, allow_pickle=False) as file:
        columns = {name: file[name] for name in file.files}
    width = int(columns.pop("width"))
    for name in _MASKS:
        columns[name] = np.unpackbits(columns[name], axis=-1, count=width).astype(bool)
    shots = columns.pop("shot")
    return [
        Truth(shot=int(shot), **{name: column[row] for name, column in columns.items()})
        for row, shot in enumerate(shots)
    ]


_MASKS = ("face", "person", "occlusion")
