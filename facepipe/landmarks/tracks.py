"""The landmarks of a whole input: every frame of every source, at full rate, with face tracks."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facepipe.arrays import BoolArray, FloatArray, IntArray, check_shape, read_arrays
from facepipe.errors import ShapeError
from facepipe.files import whole_file
from facepipe.landmarks.regions import POINTS

NO_TRACK = -1


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Landmarks of all sources of one identity or target, one row per decoded frame.

    Rows are ordered by source, then by time. A face keeps its slot while its track lives, and a
    track id is used once in the whole file, so a track never spans two sources or a scene cut.

    Attributes:
        points_px: `(T, F, 478, 3)` x, y, depth in pixels of the frame; NaN where unseen.
        score: `(T, F)` probability that a face is there, 0 to 1; NaN where unseen.
        track_id: `(T, F)` which face, `NO_TRACK` where unseen.
        bridged: `(T, F)` true where the points were filled in between two sightings.
        source: `(T,)` index into `sources`.
        frame_index: `(T,)` the frame's place in its source, from 0.
        pts_s: `(T,)` presentation time within the source, in seconds.
        scene: `(T,)` shot number within the source, from 0.
        size_wh: `(T, 2)` width and height of the frame, in pixels.
        time_base: `(S, 2)` numerator and denominator of each source's time base.
        sources: `S` names of the media files, relative to the input folder.
    """

    points_px: FloatArray
    score: FloatArray
    track_id: IntArray
    bridged: BoolArray
    source: IntArray
    frame_index: IntArray
    pts_s: FloatArray
    scene: IntArray
    size_wh: IntArray
    time_base: IntArray
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        frames, slots = self.score.shape
        check_shape(self.points_px, (frames, slots, POINTS, 3), name="points_px")
        for name in ("track_id", "bridged"):
            check_shape(getattr(self, name), (frames, slots), name=name)
        for name in ("source", "frame_index", "pts_s", "scene"):
            check_shape(getattr(self, name), (frames,), name=name)
        check_shape(self.size_wh, (frames, 2), name="size_wh")
        if not np.array_equal(self.seen, np.isfinite(self.points_px[:, :, 0, 0])):
            raise ShapeError("track_id and points_px disagree on where a face was seen")

    @property
    def seen(self) -> BoolArray:
        """`(T, F)` true where a face is known, bridged frames included."""
        return self.track_id != NO_TRACK

    def with_points(
        self, points_px: FloatArray, track_id: IntArray, bridged: BoolArray
    ) -> "Landmarks":
        """The same frames with other points; a bridged frame takes no score."""
        return replace(self, points_px=points_px, track_id=track_id, bridged=bridged)

    def rows_of(self, source_name: str) -> slice:
        """The rows of one source."""
        rows = np.flatnonzero(self.source == self.sources.index(source_name))
        return slice(int(rows[0]), int(rows[-1]) + 1) if rows.size else slice(0, 0)

    def save(self, path: Path) -> None:
        """Write everything to one `.npz`, whole or not at all."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with whole_file(path) as aside:
            np.savez(aside, **arrays, sources=np.array(self.sources))

    @staticmethod
    def load(path: Path) -> "Landmarks":
        """Read what `save` wrote.

        Raises:
            BadInputError: The file is missing or damaged.
        """
        arrays = read_arrays(path, (*_ARRAYS, "sources"))
        sources = tuple(str(name) for name in arrays.pop("sources"))
        return Landmarks(**arrays, sources=sources)


_ARRAYS = (
    "points_px", "score", "track_id", "bridged", "source", "frame_index", "pts_s", "scene",
    "size_wh", "time_base",
)  # fmt: skip
