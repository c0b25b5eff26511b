"""Turn a media file into upright RGB frames with their presentation times, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from av.error import FFmpegError

from facepipe.arrays import RgbImage
from facepipe.errors import MediaError
from facepipe.media.clips import ClipFrame, read_clip
from facepipe.media.colour import ToneMapper, to_rgb
from facepipe.media.pictures import read_picture
from facepipe.media.probe import kind_of, probe


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame as a viewer sees it.

    Attributes:
        index: Place in its source, from 0.
        pts_s: Presentation time within the source, in seconds.
        pts: The same in units of the source's time base.
        rgb: `(H, W, 3)` picture, turned upright.
        stored: What it was made of; none for a picture.
    """

    index: int
    pts_s: float
    pts: int
    rgb: RgbImage
    stored: ClipFrame | None = None


def decode(
    path: Path, *, quick: bool = False, first: int = 0, tone_map: bool = False
) -> Iterator[Frame]:
    """The frames of a picture (one) or video (all), in order; never more than one is held.

    Args:
        path: The file.
        quick: Let colours be a level or two off, at a tenth of the time of exact ones: for who
            looks for faces, not for who keeps the picture.
        first: The frame to begin with; those before are decoded but not turned into RGB.
        tone_map: Render high dynamic range (PQ, HLG) into BT.709 with 8 bits.

    Raises:
        MediaError: Missing, empty, not media, without frames, or broken before its end.
    """
    if kind_of(path) == "image":
        if not first:
            yield Frame(0, 0.0, 0, read_picture(path))
        return
    tones = ToneMapper() if tone_map else None
    for coded in islice(read_clip(path), first, None):
        frame = replace(coded, picture=tones.convert(coded.picture)) if tones else coded
        rgb = _rgb(path, frame, quick=quick)
        yield Frame(frame.index, frame.pts_s, frame.pts, rgb, None if quick else frame)


def decoded_whole(path: Path) -> Iterator[int]:
    """Decode a file to its end, and yield how many frames there were so far.

    Colours are made of the first frame of each size and kind, which shows that they can be.

    Raises:
        MediaError: As `decode` and `probe`.
    """
    info = probe(path)
    if info.kind == "image":
        read_picture(path)
        yield 1
        return
    seen: set[tuple[str, int, int]] = set()
    for frame in read_clip(path):
        form = (frame.picture.format.name, frame.picture.width, frame.picture.height)
        if form not in seen:
            seen.add(form)
            _rgb(path, frame, quick=False)
        yield frame.index + 1


def _rgb(path: Path, frame: ClipFrame, *, quick: bool) -> RgbImage:
    try:
        return to_rgb(frame.picture, frame.turn, quick=quick)
    except FFmpegError as error:
        kind = frame.picture.format.name
        raise MediaError(
            f"{path}: frame {frame.index} ({kind}) has no way to RGB; convert the file to H.264"
        ) from error
