"""A target as one film: a video as it is, or pictures shown one after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import BadInputError
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.colour import BT709_TAGS, HDR_TRANSFERS
from facepipe.media.decode import Frame, decode
from facepipe.media.probe import MediaInfo, probe
from facepipe.media.sound import Sound
from facepipe.swapping.settings import SwapSettings

PICTURE_S = 1.0
"""How long each picture of a target made of pictures is shown."""
_END_SLACK_S = 0.5  # players tell lengths in whole seconds, rounded
_ROUNDING_S = 1e-4  # landmarks know times to 24 bits


@dataclass(frozen=True)
class Cut:
    """What of a target becomes a film, and how.

    Attributes:
        start_s: frames shown before are left out, in seconds.
        end_s: so are frames shown at or after this; 0 leaves out none.
        tone_map: render high dynamic range (PQ, HLG) into BT.709 with 8 bits.
    """

    start_s: float = 0.0
    end_s: float = 0.0
    tone_map: bool = False


@dataclass(frozen=True, eq=False)
class Film:
    """What is swapped: frames of one size, and the landmarks in them.

    Attributes:
        info: size, time base and sound of the target, colours of the film.
        landmarks: of the frames, in their order and their pixels.
        paths: the file, or the pictures.
        cut: what of them is the film; its times begin where the cut does.
        start: number of the film's first frame in the target.
    """

    info: MediaInfo
    landmarks: Landmarks
    paths: tuple[Path, ...]
    cut: Cut = Cut()
    start: int = 0

    @property
    def shift(self) -> int:
        """By how much earlier frames are shown than in the target, in units of its time base."""
        return round(self.cut.start_s / self.info.time_base)

    @property
    def sound(self) -> Sound | None:
        """What is heard."""
        if not self.info.has_audio:
            return None
        start_s, end_s = Fraction(self.cut.start_s), Fraction(self.cut.end_s)
        return Sound(
            self.info.path, start_s or None, end_s or None, self.shift * self.info.time_base
        )

    def frames(self, first: int = 0, ahead_by: int = 1) -> Iterator[Frame]:
        """The frames from `first` on in order; so many are decoded while one is in use.

        Raises:
            BadInputError: There are more frames than the landmarks know.
        """
        known = len(self.landmarks.frame_index)
        shift_s = float(self.shift * self.info.time_base)
        for frame in ahead(self._decoded(self.start + first), ahead_by):
            index = frame.index - self.start
            if index >= known and self.cut.end_s:
                return
            if index >= known:
                raise BadInputError(
                    f"{self.paths[0]}: holds more frames than the {known} that the landmarks were "
                    f"made of; make the landmarks again"
                )
            yield replace(
                frame, index=index, pts=frame.pts - self.shift, pts_s=frame.pts_s - shift_s
            )

    def _decoded(self, first: int) -> Iterator[Frame]:
        if self.info.kind == "video":
            yield from decode(self.paths[0], first=first, tone_map=self.cut.tone_map)
            return
        size_wh = (self.info.width, self.info.height)
        for index, path in islice(enumerate(self.paths), first, None):
            (picture,) = decode(path)
            pts = round(index * PICTURE_S / self.info.time_base)
            fitted = _fit(
                picture.rgb,
                _fitting((picture.rgb.shape[1], picture.rgb.shape[0]), size_wh),
                size_wh,
            )
            yield Frame(index, index * PICTURE_S, pts, fitted)


def cut_of(settings: SwapSettings) -> Cut:
    """What the settings of a swap want of a target."""
    return Cut(settings.start_s, settings.end_s, settings.hdr == "tone_map")


def film_of(paths: Sequence[Path], landmarks: Landmarks, cut: Cut | None = None) -> Film:
    """The film that one video, or some pictures, make.

    Pictures of other sizes are fitted into the first one's.

    Args:
        paths: the target's media files.
        landmarks: of all of them; sources are known by file name.
        cut: what of them is wanted; else all.

    Raises:
        BadInputError: Several videos, or videos and pictures, or a file without landmarks, or a
            cut beyond the end.
    """
    infos = [probe(path) for path in paths]
    kinds = [info.kind for info in infos]
    if not infos or ("video" in kinds and len(infos) > 1):
        raise BadInputError(
            f"the target holds {kinds.count('video')} videos and {kinds.count('image')} pictures; "
            f"a swap takes one video, or pictures alone"
        )
    for path in paths:
        if path.name not in landmarks.sources:
            raise BadInputError(f"{path}: the landmarks hold {list(landmarks.sources)}, not this")
    pieces = [_rows(landmarks, path.name) for path in paths]
    whole = pieces[0] if infos[0].kind == "video" else _joined(pieces, infos)
    cut = cut or Cut()
    rows = _within(paths[0], whole, cut)
    info, kept = shown_as(infos[0], cut), _taken(whole, rows)
    shift = np.float32(round(cut.start_s / info.time_base) * info.time_base)
    moved = replace(kept, pts_s=kept.pts_s - shift)
    return Film(info, moved, tuple(paths), cut, rows.start)


def shown_as(info: MediaInfo, cut: Cut) -> MediaInfo:
    """A target as a cut of it is shown: with other colours where these are rendered anew."""
    if cut.tone_map and info.colours.transfer in HDR_TRANSFERS:
        return replace(info, bits=8, colours=BT709_TAGS)
    return info


def _within(path: Path, landmarks: Landmarks, cut: Cut) -> slice:
    """The frames of a cut."""
    times_s = landmarks.pts_s.astype(np.float64)
    ends_s = times_s[-1] + (np.diff(times_s[-2:]).sum() or PICTURE_S)
    if cut.start_s >= ends_s or cut.end_s > ends_s + _END_SLACK_S:
        raise BadInputError(
            f"{path}: start_s={cut.start_s:g} and end_s={cut.end_s:g} reach outside of its "
            f"{ends_s:.2f} s; needed are times within it"
        )
    first = int(np.searchsorted(times_s, cut.start_s - _ROUNDING_S))
    end = int(np.searchsorted(times_s, cut.end_s - _ROUNDING_S)) if cut.end_s else len(times_s)
    if first >= end:
        raise BadInputError(
            f"{path}: no frame is shown from {cut.start_s:g} s to {cut.end_s:g} s; "
            f"needed is a longer cut"
        )
    return slice(first, end)


def _taken(landmarks: Landmarks, rows: slice) -> Landmarks:
    count = rows.stop - rows.start
    taken = {name: getattr(landmarks, name)[rows] for name in _PER_FRAME}
    taken["frame_index"] = np.arange(count, dtype=np.int32)
    return replace(landmarks, **taken, source=np.zeros(count, np.int32))


def _rows(landmarks: Landmarks, source: str) -> Landmarks:
    rows = landmarks.rows_of(source)
    index = landmarks.sources.index(source)
    return replace(
        landmarks,
        **{name: getattr(landmarks, name)[rows] for name in _PER_FRAME},
        source=np.zeros(rows.stop - rows.start, np.int32),
        time_base=landmarks.time_base[index : index + 1],
        sources=(source,),
    )


def _joined(pieces: list[Landmarks], infos: list[MediaInfo]) -> Landmarks:
    """The landmarks of pictures as those of one clip, in the pixels they are shown in."""
    size_wh = (infos[0].width, infos[0].height)
    count = len(pieces)
    points = [
        _moved(piece.points_px, _fitting((info.width, info.height), size_wh))
        for piece, info in zip(pieces, infos, strict=True)
    ]
    joined = {
        name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in _PER_FACE
    }
    return Landmarks(
        **joined,
        points_px=np.concatenate(points),
        source=np.zeros(count, np.int32),
        frame_index=np.arange(count, dtype=np.int32),
        pts_s=(np.arange(count) * PICTURE_S).astype(np.float32),
        scene=np.arange(count, dtype=np.int32),
        size_wh=np.tile(np.array(size_wh, np.int32), (count, 1)),
        time_base=pieces[0].time_base,
        sources=("pictures",),
    )


def _fitting(from_wh: tuple[int, int], into_wh: tuple[int, int]) -> FloatArray:
    """The `(2, 3)` scale and shift that shows one size whole and centred in another."""
    scale = min(into_wh[0] / from_wh[0], into_wh[1] / from_wh[1])
    shift = [(into - scale * size) / 2 for size, into in zip(from_wh, into_wh, strict=True)]
    # pixel centres sit at whole numbers
    return np.array(
        [[scale, 0, shift[0] + (scale - 1) / 2], [0, scale, shift[1] + (scale - 1) / 2]], np.float32
    )


def _fit(picture_rgb: RgbImage, fitting: FloatArray, size_wh: tuple[int, int]) -> RgbImage:
    if (picture_rgb.shape[1], picture_rgb.shape[0]) == size_wh:
        return picture_rgb
    flags = cv2.INTER_LINEAR if fitting[0, 0] >= 1 else cv2.INTER_AREA
    return np.asarray(cv2.warpAffine(picture_rgb, fitting, size_wh, flags=flags), np.uint8)


def _moved(points_px: FloatArray, fitting: FloatArray) -> FloatArray:
    moved = points_px * fitting[0, 0]
    moved[..., :2] += fitting[:, 2]
    return moved.astype(np.float32)


_PER_FACE = ("score", "track_id", "bridged")
_PER_FRAME = (*_PER_FACE, "points_px", "frame_index", "pts_s", "scene", "size_wh")
