"""How much of a swap each face showed, kept beside the video for who judges it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facepipe.arrays import FloatArray
from facepipe.errors import BadInputError
from facepipe.files import whole_file
from facepipe.swapping.casting import Spot

KEPT_PX = 64
"""Side of a kept mask: its slopes are many pixels wide in squares of any size."""


@dataclass(frozen=True, eq=False)
class FaceMasks:
    """How much of a swap was shown where, in the face's network square.

    Attributes:
        shown: `(S, S)` 0 to 1, how much of the drawn face was laid over the frame.
        visible: `(S, S)` 0 to 1, 0 where something lies in front of the face; none where nobody
            looked for that.
    """

    shown: FloatArray
    visible: FloatArray | None = None


@dataclass
class MaskLog:
    """Collects the masks of a film, some hundred bytes each."""

    _rows: list[dict[str, int | bytes | None]] = field(
        default_factory=list[dict[str, int | bytes | None]]
    )

    def add(self, spot: Spot, masks: FaceMasks) -> None:
        """Keep the masks of a swapped face."""
        self._rows.append(
            {
                "frame_index": spot.frame,
                "role": spot.role,
                "shown": _png(masks.shown),
                "visible": None if masks.visible is None else _png(masks.visible),
            }
        )

    def save(self, path: Path) -> None:
        """Write a parquet table, whole or not at all: frame_index, role, and PNGs of both masks."""
        with whole_file(path) as aside:
            self.table().to_parquet(aside, index=False)

    def table(self) -> pd.DataFrame:
        """A row per face."""
        return pd.DataFrame(self._rows, columns=["frame_index", "role", "shown", "visible"])


def join_masks(pieces: Sequence[Path], path: Path) -> None:
    """Write what `MaskLog.save` wrote of stretches that follow each other as one table."""
    tables = [table for table in map(pd.read_parquet, pieces) if len(table)]
    whole = pd.concat(tables, ignore_index=True) if tables else MaskLog().table()
    with whole_file(path) as aside:
        whole.to_parquet(aside, index=False)


class KeptMasks(Mapping[Spot, FaceMasks]):
    """The masks of a film, `(64, 64)` each, by face.

    Args:
        path: what `MaskLog.save` wrote.

    Raises:
        BadInputError: It is missing or another file.
    """

    def __init__(self, path: Path) -> None:
        try:
            table = pd.read_parquet(path, columns=["frame_index", "role", "shown", "visible"])
        except (OSError, ValueError) as error:
            raise BadInputError(f"{path}: not a table of masks; make the swap again") from error
        spots = map(Spot, table["frame_index"].tolist(), table["role"].tolist())
        drawn = zip(table["shown"].tolist(), table["visible"].tolist(), strict=True)
        self._drawn: dict[Spot, tuple[bytes, bytes | None]] = dict(zip(spots, drawn, strict=True))

    def __getitem__(self, spot: Spot) -> FaceMasks:
        shown, visible = self._drawn[spot]
        return FaceMasks(_mask(shown), None if visible is None else _mask(visible))

    def __iter__(self) -> Iterator[Spot]:
        return iter(self._drawn)

    def __len__(self) -> int:
        return len(self._drawn)


def _png(mask: FloatArray) -> bytes:
    small = cv2.resize(mask, (KEPT_PX, KEPT_PX), interpolation=cv2.INTER_AREA)
    grades = np.round(np.asarray(small, np.float32) * 255).astype(np.uint8)
    return cv2.imencode(".png", grades)[1].tobytes()


def _mask(png: bytes) -> FloatArray:
    grades = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    return np.asarray(grades, np.float32) / np.float32(255)
