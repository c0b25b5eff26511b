"""Masks that somebody painted for some frames, carried along the face to those between them.

`masks/mask_frame_000120.png` is of frame 120 of the target's first source, as large as the frame:
white where the face shows, black elsewhere.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from facepipe.arrays import FloatArray
from facepipe.errors import MediaError
from facepipe.landmarks.alignment import FACE_PX, face_transform
from facepipe.landmarks.regions import five_points
from facepipe.occlusion.labels import FACE, NO_FACE, UNKNOWN, Label

FOLDER = "masks"
"""Where they lie in a target's input folder; nothing in it counts as media."""
_NAME = re.compile(r"mask_frame_(\d{6})\.png")
_UNSURE = 0.15
"""Pixels whose share is nearer than this to a half are unknown."""


def keyframe_files(folder: Path) -> dict[int, Path]:
    """The masks in a target's input folder by frame number; none where nobody painted any.

    Raises:
        MediaError: A file there is not named as a mask.
    """
    found: dict[int, Path] = {}
    masks = folder / FOLDER
    for path in sorted(masks.iterdir()) if masks.is_dir() else []:
        named = _NAME.fullmatch(path.name)
        if named:
            found[int(named[1])] = path
        elif not path.name.startswith("."):
            raise MediaError(
                f"{path}: not a mask's name; needed is mask_frame_ and six digits, "
                f"such as mask_frame_000120.png"
            )
    return found


def keyframe_label(path: Path, points_px: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """A painted mask in the stored square of its face, `(320, 320)`, 0 to 1.

    Args:
        path: the mask.
        points_px: `(478, 2 or 3)` the face's landmarks in that frame.
        size_wh: size of the frame.

    Raises:
        MediaError: The file is no picture, or of another size than the frame.
    """
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape[::-1] != size_wh:
        shape = "no picture" if mask is None else f"{mask.shape[1]} x {mask.shape[0]}"
        raise MediaError(f"{path}: {shape}; a mask as large as its frame, {size_wh}, is needed")
    move = face_transform(five_points(points_px))
    cut = cv2.warpAffine(mask, move, (FACE_PX, FACE_PX))
    return np.asarray(cut, np.float32) / np.float32(255)


def between(keyframes: Mapping[int, FloatArray], frame: int) -> Label | None:
    """The label of a frame's stored square, from the painted ones before and after it.

    As each is cut out along with its face, it has moved, turned and grown with it already. None
    before the first and after the last.
    """
    known = sorted(keyframes)
    place = bisect_left(known, frame)
    if place == len(known) or (place == 0 and known[0] != frame):
        return None
    after = known[place]
    before = after if after == frame else known[place - 1]
    way = (frame - before) / max(after - before, 1)
    share = keyframes[before] * (1 - way) + keyframes[after] * way
    label = np.where(share > 0.5, FACE, NO_FACE)
    return np.where(np.abs(share - 0.5) < _UNSURE, UNKNOWN, label).astype(np.uint8)
