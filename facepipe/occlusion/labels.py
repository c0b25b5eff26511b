"""What is known of a face without anybody having painted it: its outline says where it is.

A label is a picture of bytes: `FACE` where the face shows, `NO_FACE` where it does not, `UNKNOWN`
where nobody can say. Around the outline nothing is known, as it is only as exact as the landmarks.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, IntArray, RgbImage, RgbImages
from facepipe.errors import BadInputError
from facepipe.files import write_whole
from facepipe.landmarks.alignment import FACE_MARGIN_PX, FACE_PX
from facepipe.landmarks.regions import FACE_OVAL, fill_region
from facepipe.occlusion.trust import believed, spread, trust

Label = NDArray[np.uint8]
_INNER = np.s_[FACE_MARGIN_PX : FACE_PX - FACE_MARGIN_PX, FACE_MARGIN_PX : FACE_PX - FACE_MARGIN_PX]
FACE, UNKNOWN, NO_FACE = np.uint8(255), np.uint8(127), np.uint8(0)
_WITHIN, _BEYOND = 0.04, 0.07
"""Widths of the unknown band inside and outside the outline, as shares of the face's size."""
_TOP, _CHIN, _FOREHEAD = 10, 152, 0.25
"""The outline's ends. It leaves out the forehead, which may reach up by so much of its height."""


def outline_label(points_px: FloatArray, size_px: int) -> Label:
    """The label `(S, S)` of a face `(478, 2 or 3)` that nothing is before."""
    inside = fill_region(points_px, FACE_OVAL, (size_px, size_px)).astype(np.uint8)
    face_px = float(np.sqrt(max(cv2.contourArea(_oval(points_px)), 1.0)))
    deep = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    off = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5)
    above = fill_region(_raised(points_px), FACE_OVAL, (size_px, size_px))
    label = np.full((size_px, size_px), UNKNOWN, np.uint8)
    label[(off > _BEYOND * face_px) & ~above] = NO_FACE
    label[deep > _WITHIN * face_px] = FACE
    return label


def label_faces(
    crops_rgb: RgbImages,
    points_px: FloatArray,
    painted: Mapping[int, Label],
    shares: Callable[[RgbImage], FloatArray] | None = None,
) -> list[Label]:
    """The label of each stored square `(N, 320, 320, 3)`.

    What was painted comes first. Elsewhere the face's outline counts, but for what an occluder
    takes for hidden, as far as it can be trusted with this person: there nobody knows, as both may
    be wrong.

    Args:
        crops_rgb: the squares.
        points_px: `(N, 478, 3)` landmarks in their pixels.
        painted: labels by row.
        shares: how much of each pixel of a square `(256, 256, 3)` shows the face, `(256, 256)`.
    """
    labels: list[Label] = []
    bare = np.array([row for row in range(len(crops_rgb)) if row not in painted], np.int32)
    trusted = trust_in(shares, crops_rgb, bare) if shares else None
    for row, (crop, points) in enumerate(zip(crops_rgb, points_px, strict=True)):
        label = painted[row] if row in painted else outline_label(points, FACE_PX)
        if shares is not None and row not in painted:
            doubted = believed(shares(inner_square(crop)), trusted) < 0.5
            label[_INNER][doubted & (label[_INNER] == FACE)] = UNKNOWN
        labels.append(label)
    return labels


def inner_square(crop_rgb: RgbImage) -> RgbImage:
    """What an occluder is shown of a stored square `(320, 320, 3)`: `(256, 256, 3)`."""
    return np.ascontiguousarray(crop_rgb[_INNER])


def trust_in(
    shares: Callable[[RgbImage], FloatArray], crops_rgb: RgbImages, rows: IntArray
) -> FloatArray | None:
    """How far an occluder is to be believed about a person, from these of the stored squares."""
    looked = [int(rows[place]) for place in spread(len(rows))]
    return trust([shares(inner_square(crops_rgb[row])) for row in looked])


def save_labels(folder: Path, labels: Sequence[Label]) -> None:
    """Write a PNG per row, whole or not at all."""
    for row, label in enumerate(labels):
        png = cv2.imencode(".png", label)[1].tobytes()
        write_whole(folder / f"{row:06d}.png", png)


def load_labels(folder: Path, count: int) -> Label:
    """What `save_labels` wrote for so many rows, `(N, 320, 320)`.

    Raises:
        BadInputError: One is missing or damaged.
    """
    labels = np.empty((count, FACE_PX, FACE_PX), np.uint8)
    for row in range(count):
        path = folder / f"{row:06d}.png"
        found = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if found is None or found.shape != (FACE_PX, FACE_PX):
            raise BadInputError(f"{path}: missing or damaged; make the occlusion masks again")
        labels[row] = found
    return labels


def _raised(points_px: FloatArray) -> FloatArray:
    """The same face, drawn out from the chin up until its outline reaches over any forehead."""
    chin = points_px[_CHIN, :2]
    up = points_px[_TOP, :2] - chin
    share = (points_px[:, :2] - chin) @ up / max(float(up @ up), 1.0)
    return np.asarray(points_px[:, :2] + _FOREHEAD * share[:, None] * up, np.float32)


def _oval(points_px: FloatArray) -> FloatArray:
    return np.ascontiguousarray(points_px[list(FACE_OVAL), :2], dtype=np.float32)
