"""What a media file is, and which media files a folder holds."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

from facepipe.errors import MediaError
from facepipe.media.clips import open_clip, read_clip
from facepipe.media.colour import NO_TAGS, ColourTags, display_matrix
from facepipe.media.pictures import is_picture, picture_size

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
VIDEO_SUFFIXES = (
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts",
    ".flv", ".wmv", ".asf", ".ogv", ".3gp", ".mxf", ".gif",
)  # fmt: skip
NOT_MEDIA = ("consent.json", "masks")
"""What an input folder may hold besides media: the consent record and hand-drawn masks."""
_STILL_TIME_BASE = Fraction(1, 25)
Turn = tuple[int, int, int, int]
"""How stored x and y become shown x and y, row by row, as `colour.display_matrix` says."""
UPRIGHT: Turn = (1, 0, 0, 1)


@dataclass(frozen=True)
class MediaInfo:
    """What can be said about a media file from its head and its first frame.

    Attributes:
        path: The file.
        kind: A picture, or a video.
        width: Shown width in pixels, after rotation.
        height: Shown height in pixels, after rotation.
        frame_rate: Mean frames per second; `None` for a picture.
        time_base: The unit of `Frame.pts`, in seconds.
        frames: How many frames the file says it holds; 0 where it does not say.
        duration_s: Stated length in seconds; 0 for a picture, NaN where unknown.
        has_audio: Whether there is sound.
        rotation_deg: Clockwise turn that the file asks for, already in `width` and `height`.
        is_variable_rate: Whether frames are not evenly spaced, judged by the stated rates.
        pixel_aspect: Shown width of a pixel over its height.
        colours: The colour tags of the first frame.
        bits: Per sample of the first frame.
        turn: How the stored picture is to be shown; in `width` and `height` already.
    """

    path: Path
    kind: Literal["image", "video"]
    width: int
    height: int
    frame_rate: Fraction | None
    time_base: Fraction
    frames: int
    duration_s: float
    has_audio: bool
    rotation_deg: int
    is_variable_rate: bool = False
    pixel_aspect: Fraction = Fraction(1)
    colours: ColourTags = NO_TAGS
    bits: int = 8
    turn: Turn = UPRIGHT


def probe(path: Path) -> MediaInfo:
    """Read a file's head and first frame.

    Raises:
        MediaError: Missing, empty, not media, or without a frame.
    """
    return _probe_picture(path) if kind_of(path) == "image" else _probe_clip(path)


def kind_of(path: Path) -> Literal["image", "video"]:
    """Tell pictures from videos by content; what is no picture is taken for a video.

    Raises:
        MediaError: The file is missing, empty, no regular file, or a damaged picture.
    """
    if not path.is_file():
        raise MediaError(f"{path}: {'is not a file' if path.exists() else 'no such file'}")
    if not path.stat().st_size:
        raise MediaError(f"{path}: the file is empty (0 bytes)")
    return "image" if is_picture(path) else "video"


def list_media(folder: Path) -> list[Path]:
    """The media files of an input folder, by name; dotfiles and `NOT_MEDIA` are passed over.

    Raises:
        MediaError: No such folder, nothing in it, or something in it that is no media file.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; put pictures or videos of one person there")
    entries = sorted(
        entry
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and entry.name not in NOT_MEDIA
    )
    for entry in entries:
        if not entry.is_file() or entry.suffix.lower() not in IMAGE_SUFFIXES + VIDEO_SUFFIXES:
            raise MediaError(
                f"{entry}: not a media file; move it out of the folder, or convert it to one of "
                f"{' '.join(IMAGE_SUFFIXES + VIDEO_SUFFIXES)}"
            )
    if not entries:
        raise MediaError(f"{folder}: holds no media; put pictures or videos of one person there")
    return entries


def _probe_picture(path: Path) -> MediaInfo:
    width, height, rotation_deg = picture_size(path)
    return MediaInfo(
        path=path,
        kind="image",
        width=width,
        height=height,
        frame_rate=None,
        time_base=_STILL_TIME_BASE,
        frames=1,
        duration_s=0.0,
        has_audio=False,
        rotation_deg=rotation_deg,
    )


def _probe_clip(path: Path) -> MediaInfo:
    picture = next(read_clip(path)).picture
    matrix = display_matrix(picture)
    sideways = matrix[0, 0] == 0
    size_wh = (picture.width, picture.height)
    with open_clip(path) as (container, stream):
        mean, base = stream.average_rate or stream.guessed_rate, stream.base_rate
        aspect = stream.sample_aspect_ratio or Fraction(1)
        length_s = (container.duration or math.nan) / 1_000_000
        return MediaInfo(
            path=path,
            kind="video",
            width=size_wh[1] if sideways else size_wh[0],
            height=size_wh[0] if sideways else size_wh[1],
            frame_rate=mean,
            time_base=stream.time_base or Fraction(1, 1000),
            frames=stream.frames,
            duration_s=length_s,
            has_audio=bool(container.streams.audio),
            rotation_deg=round(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))) % 360,
            is_variable_rate=bool(mean and base and abs(base / mean - 1) > 0.01),
            pixel_aspect=1 / aspect if sideways else aspect,
            colours=ColourTags.of(picture),
            bits=max(part.bits for part in picture.format.components),
            turn=cast(Turn, tuple(matrix.ravel().tolist())),
        )
