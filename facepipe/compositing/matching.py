"""Find the stored faces that look the way another face does: same pose, same expression."""

from dataclasses import dataclass

import numpy as np

from facepipe.arrays import FloatArray, IntArray, check_shape
from facepipe.landmarks.regions import POINTS

_STEADY = np.array(
    [10, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 127, 356, 234, 454, 227, 447, 1, 4]
)
"""Points that speech and mimics hardly move: forehead, nose bridge, eye corners, temples."""

_POSE_DEG = 6.0
"""A difference in head angle that counts as much as a difference of one unit in expression."""
_LEAST_WEIGHT = 1 / 255


@dataclass(frozen=True, eq=False)
class Look:
    """Pose and expression of `N` faces, freed from place, size and, mostly, from who they are.

    Attributes:
        rotation: `(N, 3, 3)` from the reference head to the face.
        expression: `(N, E)` openings and positions, scaled so that 1 is a clearly visible change.
    """

    rotation: FloatArray
    expression: FloatArray


def reference_head(points_px: FloatArray) -> FloatArray:
    """A person's average head `(478, 3)`, centred, of size 1, from faces `(N, 478, 3)`."""
    check_shape(points_px, ("N", POINTS, 3), name="points_px")
    head = _normalised(points_px[0])
    for _ in range(2):  # the second round no longer depends on which face was first
        aligned = np.stack([_align(_normalised(face), head)[1] for face in points_px])
        head = _normalised(aligned.mean(0))
    return head


def look_of(points_px: FloatArray, head: FloatArray) -> Look:
    """Pose and expression of faces `(N, 478, 3)` against a head `(478, 3)`."""
    pairs = [_align(_normalised(face), head) for face in points_px]
    facing = np.stack([frontal for _, frontal in pairs])
    return Look(np.stack([rotation for rotation, _ in pairs]), _expression(facing))


def distances(look: Look, of: Look) -> FloatArray:
    """`(N,)` how different each of `of`'s faces looks from the one face of `look`."""
    turn = np.einsum("nij,ij->n", of.rotation, look.rotation[0])  # trace of R1' R2
    angle_deg = np.degrees(np.arccos(np.clip((turn - 1) / 2, -1, 1)))
    difference = of.expression - look.expression[0]
    return np.sqrt((angle_deg / _POSE_DEG) ** 2 + (difference**2).sum(1)).astype(np.float32)


def nearest(distance: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """The `count` nearest faces and their weights, which sum to 1.

    A face's weight falls to 0 as it becomes the first one left out, so that the mixture changes
    smoothly from frame to frame instead of jumping. Faces whose weight would move no colour by
    as much as a level are left out.
    """
    order = np.argsort(distance, kind="stable")[: count + 1]
    if len(order) == 1:
        return order.astype(np.int32), np.ones(1, np.float32)
    near = distance[order]
    weight = (1 - near / max(float(near[-1]), 1e-9)) ** 2 / (near + 0.05)
    weight = weight[: max(count, 1)][: len(order)]
    if weight.sum() <= 0:
        weight = np.ones_like(weight)
    weight = weight / weight.sum()
    counts = weight >= _LEAST_WEIGHT
    chosen, weight = order[: len(weight)][counts], weight[counts]
    return chosen.astype(np.int32), (weight / weight.sum()).astype(np.float32)


def mouth_opening(points_px: FloatArray) -> FloatArray:
    """Height between the inner lips over the mouth's width, `(...)` for faces `(..., 478, 3)`."""
    height = np.linalg.norm(points_px[..., 13, :] - points_px[..., 14, :], axis=-1)
    width = np.linalg.norm(points_px[..., 61, :] - points_px[..., 291, :], axis=-1)
    return height / width


def _normalised(face: FloatArray) -> FloatArray:
    centred = face - face[_STEADY].mean(0)
    return centred / np.sqrt((centred[_STEADY] ** 2).sum(1).mean())


def _align(face: FloatArray, head: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rotation from head to face, and the face turned back onto the head (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(face[_STEADY].T @ head[_STEADY])
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u @ mirror @ vt).astype(np.float32)
    return rotation, (face @ rotation).astype(np.float32)


def _expression(facing: FloatArray) -> FloatArray:
    """`(N, E)` from faces `(N, 478, 3)` turned to the front.

    The divisors are what a clear change of each measure is, as a share of the eyes' distance.
    """
    between = facing[:, _FROM] - facing[:, _TO]
    eyes = np.linalg.norm(between[:, -1], axis=1)
    between = between / eyes[:, None, None]
    gap = np.hypot(between[..., 0], between[..., 1])
    height = between[..., 1]
    aside = (facing[:, 61, 0] + facing[:, 291, 0] - 2 * facing[:, 168, 0]) / eyes
    return np.stack(
        [
            gap[:, 0] / 0.04,  # mouth opening
            gap[:, 1] / 0.08,  # mouth width: smile, pout
            (height[:, 2] + height[:, 3]) / 0.12,  # both corners of the mouth
            height[:, 1] / 0.06,  # one corner above the other
            aside / 0.08,
            gap[:, 4] / 0.03,  # right lid
            gap[:, 5] / 0.03,  # left lid
            height[:, 6] / 0.06,  # right brow
            height[:, 7] / 0.06,  # left brow
        ],
        axis=1,
    ).astype(np.float32)


_FROM, _TO = np.array(
    [
        *[(13, 14), (61, 291), (61, 13), (291, 14), (159, 145), (386, 374), (105, 159), (334, 386)],
        (33, 263),  # the eyes' distance, which all others are measured by
    ]
).T
