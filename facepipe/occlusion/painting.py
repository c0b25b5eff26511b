"""Masks of whole frames: what painting begins with, and what was painted, whole or not at all."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from facepipe.arrays import BoolArray, FloatArray
from facepipe.errors import MediaError
from facepipe.files import make_folder, write_whole
from facepipe.landmarks.alignment import face_transform
from facepipe.landmarks.regions import FACE_OVAL, fill_region, five_points
from facepipe.landmarks.tracks import Landmarks
from facepipe.occlusion.keyframes import FOLDER, between, keyframe_files, keyframe_label
from facepipe.occlusion.labels import UNKNOWN

Origin = Literal["painted", "between", "outline", "none"]
MOST_BYTES = 16_000_000
"""A painted mask as a PNG is smaller than this at any size that media may have."""
_SURE = 127


class Easel:
    """One target's masks.

    Args:
        folder: The target's input folder.
        source: The file in it that frames are numbered in.
        landmarks: The target's, smoothed.
    """

    def __init__(self, folder: Path, source: str, landmarks: Landmarks) -> None:
        self._folder, self._landmarks = folder, landmarks
        self._rows = landmarks.rows_of(source)

    @property
    def count(self) -> int:
        """How many frames there are."""
        return self._rows.stop - self._rows.start

    def size_wh(self, frame: int) -> tuple[int, int]:
        """Width and height of a frame."""
        width, height = self._landmarks.size_wh[self._rows.start + frame]
        return int(width), int(height)

    def painted(self) -> list[int]:
        """The frames that have a mask, in order."""
        return sorted(keyframe_files(self._folder))

    def mask(self, frame: int) -> tuple[NDArray[np.uint8], Origin]:
        """A frame's mask `(H, W)` of 0 and 255, and where it comes from.

        It is the painted one, else what lies between painted ones before and after it on the same
        track, else the outline of each face.

        Raises:
            MediaError: A painted mask is no picture, or of another size than its frame.
        """
        size_wh, files = self.size_wh(frame), keyframe_files(self._folder)
        if frame in files:
            return _read(files[frame], size_wh), "painted"
        row, origin = self._rows.start + frame, "none"
        shown = np.zeros(size_wh[::-1], bool)
        for slot in np.flatnonzero(self._landmarks.seen[row]):
            points = self._landmarks.points_px[row, slot]
            near = self._near(files, frame, int(self._landmarks.track_id[row, slot]))
            label = between(near, frame)
            if label is None:
                shown |= fill_region(points, FACE_OVAL, size_wh)
            else:
                shown |= _in_frame(label, points, size_wh)
            origin = "between" if label is not None or origin == "between" else "outline"
        return np.where(shown, np.uint8(255), np.uint8(0)), origin

    def save(self, frame: int, png: bytes) -> None:
        """Keep a frame's mask; of its colours, what is light shows the face.

        Raises:
            MediaError: It is no PNG of the frame's size.
            StorageError: It cannot be written.
        """
        size_wh = self.size_wh(frame)
        light = _decoded(png, size_wh) > _SURE
        masks = self._folder / FOLDER
        make_folder(masks, 0o700)
        mask = np.where(light, np.uint8(255), np.uint8(0))
        write_whole(_place(masks, frame), cv2.imencode(".png", mask)[1].tobytes())

    def delete(self, frame: int) -> None:
        """Forget a frame's mask, if there is one."""
        _place(self._folder / FOLDER, frame).unlink(missing_ok=True)

    def _near(self, files: Mapping[int, Path], frame: int, track: int) -> dict[int, FloatArray]:
        """The painted masks next to a frame on one track, in the squares of its face."""
        held = {
            painted: slots[0]
            for painted in files
            if painted < self.count
            and (slots := np.flatnonzero(self._of_track(track)[painted])).size
        }
        before = [painted for painted in held if painted < frame]
        after = [painted for painted in held if painted > frame]
        return {
            painted: keyframe_label(
                files[painted],
                self._landmarks.points_px[self._rows.start + painted, held[painted]],
                self.size_wh(painted),
            )
            for painted in [*before[-1:], *after[:1]]
        }

    def _of_track(self, track: int) -> BoolArray:
        return np.asarray(self._landmarks.track_id[self._rows] == track)


def _place(masks: Path, frame: int) -> Path:
    return masks / f"mask_frame_{frame:06d}.png"


def _in_frame(label: NDArray[np.uint8], points: FloatArray, size_wh: tuple[int, int]) -> BoolArray:
    """A label of the face's square, laid where the face is; what nobody is sure of shows it."""
    back = cv2.invertAffineTransform(face_transform(five_points(points)))
    return np.asarray(cv2.warpAffine(label, back, size_wh, flags=cv2.INTER_NEAREST) >= UNKNOWN)


def _read(path: Path, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if mask is None or mask.shape[::-1] != size_wh:
        raise MediaError(f"{path}: not a mask of {size_wh[0]} x {size_wh[1]} pixels; delete it")
    return np.where(mask > _SURE, np.uint8(255), np.uint8(0))


def _decoded(png: bytes, size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Its lightness; what it says of its size is looked at before it is unpacked."""
    wanted = f"a PNG of {size_wh[0]} x {size_wh[1]} pixels is needed"
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.size != size_wh:
                raise MediaError(f"a mask of {picture.size[0]} x {picture.size[1]} came; {wanted}")
            return np.asarray(picture.convert("L"), np.uint8)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise MediaError(f"what came is no whole picture; {wanted}") from error
