"""The aligned faces of one person: what profiles are made of and models learn from."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facepipe.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    RgbImage,
    RgbImages,
    check_shape,
    read_arrays,
)
from facepipe.errors import BadInputError
from facepipe.files import whole_file, write_whole
from facepipe.landmarks.alignment import FACE_PX
from facepipe.landmarks.regions import POINTS


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Stored faces of one person, in the order of their sources and times.

    Attributes:
        crops_rgb: `(N, 320, 320, 3)` faces as `landmarks.alignment.face_transform` cuts them.
        masks: `(N, 320, 320)` true inside the face oval.
        points_px: `(N, 478, 3)` landmarks, in pixels of the crop.
        transforms: `(N, 2, 3)` from frame pixels to crop pixels.
        pose_deg: `(N, 3)` yaw (> 0: nose to the image's right), pitch (> 0: down), roll.
        sharpness: `(N,)` variance of the Laplacian of the luminance in the 112 px ArcFace square.
        score: `(N,)` detection probability.
        face_px: `(N,)` size of the face in its frame: the longer side of its landmark box.
        source: `(N,)` index into `sources`.
        frame_index: `(N,)` place of the frame in its source.
        pts_s: `(N,)` time in the source, in seconds.
        scene: `(N,)` shot number in the source.
        track_id: `(N,)` the track in the landmarks file.
        sources: names of the media files.
    """

    crops_rgb: RgbImages
    masks: BoolArray
    points_px: FloatArray
    transforms: FloatArray
    pose_deg: FloatArray
    sharpness: FloatArray
    score: FloatArray
    face_px: FloatArray
    source: IntArray
    frame_index: IntArray
    pts_s: FloatArray
    scene: IntArray
    track_id: IntArray
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.crops_rgb)
        check_shape(self.crops_rgb, ("N", FACE_PX, FACE_PX, 3), name="crops_rgb")
        check_shape(self.masks, (n, FACE_PX, FACE_PX), name="masks")
        check_shape(self.points_px, (n, POINTS, 3), name="points_px")
        check_shape(self.transforms, (n, 2, 3), name="transforms")
        check_shape(self.pose_deg, (n, 3), name="pose_deg")
        for name in ("sharpness", "score", "face_px", "source", "frame_index", "pts_s", "scene"):
            check_shape(getattr(self, name), (n,), name=name)
        check_shape(self.track_id, (n,), name="track_id")

    def __len__(self) -> int:
        return len(self.crops_rgb)

    def save(self, folder: Path, rejected: pd.DataFrame) -> None:
        """Write `crops/*.png`, `faces.npz` and `faces.parquet`.

        The table has a row per candidate face; `rejected` (columns as in `table`, plus `reason`)
        holds those that were left out.
        """
        for row, crop in enumerate(self.crops_rgb):
            _, png = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR))
            write_whole(folder / "crops" / f"{row:06d}.png", png.tobytes())
        with whole_file(folder / "faces.npz") as aside:
            np.savez(
                aside,
                **{name: getattr(self, name) for name in _ARRAYS},
                masks=np.packbits(self.masks, axis=-1),
                sources=np.array(self.sources),
            )
        rows = [part for part in (self.table().assign(reason=""), rejected) if len(part)]
        with whole_file(folder / "faces.parquet") as aside:
            pd.concat(rows, ignore_index=True).to_parquet(aside, index=False)

    @staticmethod
    def load(folder: Path) -> "FaceSet":
        """Read what `save` wrote.

        Raises:
            BadInputError: A file is missing or damaged.
        """
        arrays = read_arrays(folder / "faces.npz", (*_ARRAYS, "masks", "sources"))
        masks = np.unpackbits(arrays.pop("masks"), axis=-1).astype(bool)
        sources = tuple(str(name) for name in arrays.pop("sources"))
        crops = np.empty((len(masks), FACE_PX, FACE_PX, 3), np.uint8)
        for row in range(len(masks)):
            crops[row] = _read_crop(folder / "crops" / f"{row:06d}.png")
        return FaceSet(crops_rgb=crops, masks=masks, sources=sources, **arrays)

    def table(self) -> pd.DataFrame:
        """One row per face: where it came from and how good it is."""
        return pd.DataFrame(
            {
                "source": [self.sources[index] for index in self.source],
                "frame_index": self.frame_index,
                "pts_s": self.pts_s,
                "track_id": self.track_id,
                "yaw_deg": self.pose_deg[:, 0],
                "pitch_deg": self.pose_deg[:, 1],
                "roll_deg": self.pose_deg[:, 2],
                "sharpness": self.sharpness,
                "score": self.score,
                "face_px": self.face_px,
            }
        )


def _read_crop(path: Path) -> RgbImage:
    picture = cv2.imread(str(path))
    if picture is None or picture.shape != (FACE_PX, FACE_PX, 3):
        raise BadInputError(f"{path}: the crop is missing or damaged; make the faces again")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


_ARRAYS = (
    "points_px", "transforms", "pose_deg", "sharpness", "score", "face_px", "source",
    "frame_index", "pts_s", "scene", "track_id",
)  # fmt: skip
