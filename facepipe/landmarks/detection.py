"""Find the faces of every frame of every source, at full rate, and follow them.

Decoding runs ahead in a thread while MediaPipe looks at the frame before. A cut, a new source or a
still starts afresh, so that nothing is tracked from one shot into another.
"""

import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from facepipe.arrays import IntArray
from facepipe.errors import BadInputError, StoppedError
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.landmarker import FaceFinder, check_bundle
from facepipe.landmarks.settings import DetectionSettings
from facepipe.landmarks.sightings import believable_tracks, plausible
from facepipe.landmarks.spool import FrameRow, Spool
from facepipe.landmarks.tracking import Tracker
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.decode import Frame, decode
from facepipe.media.probe import kind_of, probe


@dataclass(frozen=True, eq=False)
class Clips:
    """The media to look at.

    Attributes:
        folder: The input folder.
        paths: The media files, in the order of the result.
        frame_table: `media.frames.survey`'s table (source, frame_index, scene), for scene numbers
            and progress; without it each source is one scene.
    """

    folder: Path
    paths: list[Path]
    frame_table: pd.DataFrame | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The sources' names, relative to the folder."""
        return tuple(path.relative_to(self.folder).as_posix() for path in self.paths)

    @property
    def total(self) -> int:
        """How many frames there are; 0 if nobody counted."""
        return 0 if self.frame_table is None else len(self.frame_table)

    def scenes(self, name: str) -> IntArray | None:
        """The scene of each frame `(T,)` of a source, if known."""
        if self.frame_table is None:
            return None
        rows = self.frame_table[self.frame_table["source"] == name].sort_values("frame_index")
        return rows["scene"].to_numpy(np.int32)


@dataclass(frozen=True)
class DetectionSummary:
    """What was found: counts of frames, frames with a face, tracks, and slots (faces at once)."""

    frames: int
    frames_with_face: int
    tracks: int
    slots: int


def detect(
    folder: Path,
    paths: list[Path],
    bundle: Path,
    settings: DetectionSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Landmarks:
    """The landmarks of all sources in memory, each source one scene; see `detect_to_file`."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "landmarks.npz"
        detect_to_file(Clips(folder, paths), bundle, out, settings, on_progress, stop)
        return Landmarks.load(out)


def detect_to_file(
    clips: Clips,
    bundle: Path,
    out: Path,
    settings: DetectionSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> DetectionSummary:
    """Write the landmarks of all sources to `out`; memory does not grow with their length.

    Args:
        clips: What to look at.
        bundle: What `inference.models.ensure_model("face_landmarker", …)` returned.
        out: The `.npz` to write, as `Landmarks.load` reads it.
        settings: What counts as a face.
        on_progress: Called with frames done and in all (0 if unknown).
        stop: Asked after every frame.

    Raises:
        ModelFileError: The bundle is missing or not made by facepipe.
        MediaError: A file cannot be decoded.
        BadInputError: The frame table belongs to other media.
        StoppedError: `stop` said so; nothing is written.
    """
    check_bundle(bundle)
    time_bases = [probe(path).time_base for path in clips.paths]
    with Spool(out.parent) as spool:
        with closing(_watch(clips, bundle, settings or DetectionSettings(), spool)) as watch:
            for _ in watch:
                on_progress(len(spool.frames), clips.total)
                if stop():
                    raise StoppedError(
                        f"stopped after {len(spool.frames)} frames; landmarks are written once "
                        f"all frames are seen: run again to start over"
                    )
        faces = spool.faces()
        kept = believable_tracks(faces, spool.frame_table())
        slots = spool.write(out, kept, clips.names, time_bases)
    seen = int(faces.loc[faces["track"].isin(kept), "row"].nunique())
    return DetectionSummary(len(spool.frames), seen, len(kept), slots)


def _watch(
    clips: Clips, bundle: Path, settings: DetectionSettings, spool: Spool
) -> Generator[None]:
    """Look at every frame of every source; yields after each."""
    tracker = Tracker()
    for source, (path, name) in enumerate(zip(clips.paths, clips.names, strict=True)):
        moving = kind_of(path) == "video"
        for scene, frames in _shots(path, clips.scenes(name)):
            tracker.cut()
            with FaceFinder(bundle, settings.max_faces, moving=moving) as finder:
                for frame in frames:
                    height, width = frame.rgb.shape[:2]
                    points, score = finder.find(frame.rgb, frame.pts_s)
                    good = plausible(points, score, (width, height), settings)
                    tracks = tracker.number(frame.rgb, points[good], frame.pts_s)
                    row = FrameRow(source, frame.index, frame.pts_s, scene, width, height)
                    spool.add(row, points[good], score[good], tracks)
                    yield


def _shots(path: Path, scenes: IntArray | None) -> Iterator[tuple[int, Iterator[Frame]]]:
    """The frames of a source, shot by shot, with the shots' numbers."""

    def scene_of(frame: Frame) -> int:
        if scenes is None:
            return 0
        if frame.index >= len(scenes):
            raise BadInputError(
                f"{path}: the frame table lists {len(scenes)} frames but there are more; survey "
                f"the media again"
            )
        return int(scenes[frame.index])

    return groupby(ahead(decode(path, quick=True)), key=scene_of)
