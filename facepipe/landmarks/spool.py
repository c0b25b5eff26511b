"""Collect the landmarks of any number of frames on disk, then write them as one `Landmarks` file.

Only a few numbers per frame stay in memory, so that an hour needs no more of it than a minute.
Which tracks are kept, and their slots, are decided at the end, when their whole life is known.
"""

import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.files import whole_file
from facepipe.landmarks.regions import POINTS
from facepipe.landmarks.tracks import NO_TRACK

_CHUNK = 128  # frames held at a time while writing
_FACE_BYTES = POINTS * 3 * 4


@dataclass(frozen=True, slots=True)
class FrameRow:
    """What is kept of one decoded frame; fields as in `Landmarks`."""

    source: int
    frame_index: int
    pts_s: float
    scene: int
    width: int
    height: int


class Spool:
    """Frames and faces in the order they come; the points lie in a file beside the result."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / ".landmarks.spool"
        self._file = self._path.open("w+b")
        self.frames: list[FrameRow] = []
        self._faces: list[tuple[int, int, float]] = []

    def __enter__(self) -> "Spool":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def add(
        self, frame: FrameRow, points_px: FloatArray, score: FloatArray, tracks: list[int]
    ) -> None:
        """Append a frame with its faces `(F, 478, 3)`, `(F,)` and their track numbers."""
        row = len(self.frames)
        self.frames.append(frame)
        self._faces += [(row, track, float(s)) for track, s in zip(tracks, score, strict=True)]
        self._file.write(points_px.astype("<f4").tobytes())

    def faces(self) -> pd.DataFrame:
        """One row per sighting: row (of the frame), track, score; in the order of the file."""
        table = pd.DataFrame(self._faces, columns=["row", "track", "score"])
        return table.astype({"row": np.int64, "track": np.int64, "score": np.float32})

    def frame_table(self) -> pd.DataFrame:
        """One row per frame, in order: the fields of `FrameRow`."""
        return pd.DataFrame(self.frames, columns=list(FrameRow.__dataclass_fields__))

    def write(
        self, path: Path, kept: set[int], sources: tuple[str, ...], time_bases: list[Fraction]
    ) -> int:
        """Write the kept tracks as a `Landmarks` file; returns the number of slots.

        Tracks are renumbered from 0 in order of appearance.
        """
        faces = self.faces()
        places = faces.index[faces["track"].isin(kept)].to_numpy()
        faces = faces.loc[places]
        slots = slots_of(faces)
        width = max(slots.values(), default=0) + 1
        shape = (len(self.frames), width)
        score, track_id = np.full(shape, np.nan, np.float32), np.full(shape, NO_TRACK, np.int32)
        rows, slot = faces["row"].to_numpy(), faces["track"].map(slots).to_numpy(np.int64)
        numbers = {track: number for number, track in enumerate(slots)}
        score[rows, slot] = faces["score"]
        track_id[rows, slot] = faces["track"].map(numbers).to_numpy(np.int64)
        arrays = self._columns() | {
            "score": score,
            "track_id": track_id,
            "bridged": np.zeros(shape, bool),
            "time_base": np.array([[t.numerator, t.denominator] for t in time_bases], np.int32),
            "sources": np.array(sources),
        }
        with whole_file(path) as aside, zipfile.ZipFile(aside, "w") as archive:
            self._write_points(archive, width, np.stack([places, rows, slot], 1).astype(np.int64))
            for name, values in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, values, allow_pickle=False)
        return width

    def _columns(self) -> dict[str, NDArray[Any]]:
        def column(name: str, dtype: type[np.generic]) -> NDArray[Any]:
            return np.array([getattr(frame, name) for frame in self.frames], dtype)

        names = ("source", "frame_index", "scene")
        columns = {name: column(name, np.int32) for name in names}
        sizes = [column("width", np.int32), column("height", np.int32)]
        return columns | {"pts_s": column("pts_s", np.float32), "size_wh": np.stack(sizes, 1)}

    def _write_points(self, archive: zipfile.ZipFile, width: int, faces: NDArray[np.int64]) -> None:
        """Stream `(T, F, 478, 3)`, a chunk of frames at a time; `faces` is place, row, slot."""
        total = len(self.frames)
        header = {"descr": "<f4", "fortran_order": False, "shape": (total, width, POINTS, 3)}
        with archive.open("points_px.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, header)
            for start in range(0, total, _CHUNK):
                stop = min(start + _CHUNK, total)
                block = np.full((stop - start, width, POINTS, 3), np.nan, "<f4")
                first, last = np.searchsorted(faces[:, 1], [start, stop])
                for place, row, slot in faces[first:last]:
                    block[row - start, slot] = self._read(int(place))
                entry.write(block.tobytes())

    def _read(self, place: int) -> FloatArray:
        self._file.seek(place * _FACE_BYTES)
        return np.frombuffer(self._file.read(_FACE_BYTES), "<f4").reshape(POINTS, 3)


def slots_of(faces: pd.DataFrame) -> dict[int, int]:
    """Track to slot, in order of appearance: the lowest slot free over the track's whole life."""
    lives = faces.groupby("track")["row"].agg(["min", "max"]).sort_values(["min", "max"])
    busy_until: list[int] = []
    slots: dict[int, int] = {}
    for track, first, last in lives.itertuples():
        free = [slot for slot, until in enumerate(busy_until) if until < first]
        slots[int(track)] = slot = free[0] if free else len(busy_until)
        busy_until[slot : slot + 1] = [last]
    return slots
