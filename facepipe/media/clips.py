"""Read video files with FFmpeg: the room's only door to PyAV's demuxers and decoders.

Only containers and codecs a camera, phone or editor writes are opened, from local files only; a
playlist or a text file that FFmpeg would also play is refused.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import EOFError as EndOfFileError
from av.error import FFmpegError, InvalidDataError
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from facepipe.errors import MediaError
from facepipe.media.colour import display_matrix

FORMATS = "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,mxf,h264,hevc,ivf,yuv4mpegpipe"
MAX_PICTURE_PX = 89_478_485
"""Most pixels a frame may have: Pillow's bound against decompression bombs, 0.25 GiB of RGB."""
_CONTAINER_TICKS_PER_S = 1_000_000  # FFmpeg's AV_TIME_BASE
_LOST_TAIL_S = 0.5  # Matroska states its length but not its frames; shorter losses cannot be seen


@dataclass(frozen=True)
class ClipFrame:
    """One decoded frame, still in its own pixel format and not yet turned upright.

    Attributes:
        index: Place in the clip, from 0.
        pts: Presentation time in units of the clip's time base; grows strictly.
        pts_s: The same in seconds.
        picture: FFmpeg's frame.
        turn: `(2, 2)` how the clip wants it shown, as `colour.display_matrix` says.
    """

    index: int
    pts: int
    pts_s: float
    picture: VideoFrame
    turn: NDArray[np.int32]


@contextmanager
def open_clip(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    """Yield the opened file and its first video stream; cover pictures do not count.

    Raises:
        MediaError: FFmpeg cannot read the file, or it holds no video.
    """
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        container = av.open(str(path.absolute()), options=options)
    except (FFmpegError, ValueError) as error:
        raise MediaError(
            f"{path}: cannot be read as a picture or video ({_cause(error)}); needed is a whole "
            f"JPEG, PNG, WebP, BMP, TIFF, MP4, MOV, MKV, WebM, AVI or similar file"
        ) from error
    with container:
        yield container, _video_stream(container, path)


def read_clip(path: Path) -> Iterator[ClipFrame]:
    """Decode a video from its first frame to its last, one frame at a time.

    A frame whose stored time is missing or not later than the one before takes the next tick.

    Raises:
        MediaError: Not a video, no frame in it, or broken before its end.
    """
    with open_clip(path) as (container, stream):
        stream.thread_type = "AUTO"
        time_base = stream.time_base or Fraction(1, 1000)
        expected = _promised(container, stream) or stream.frames
        index, pts, turn = 0, None, np.eye(2, dtype=np.int32)
        try:
            for picture in _pictures(container, stream):
                pts = _next_time(picture.pts, pts)
                # Asking makes a frame refer to itself: each would live until Python's next search
                turn = turn if index else display_matrix(picture)
                check_pixels(path, picture.width, picture.height)
                yield ClipFrame(index, pts, float(pts * time_base), picture, turn)
                index += 1
        except FFmpegError as error:
            raise _broken(path, index, expected, _cause(error)) from error
        if not index:
            raise MediaError(f"{path}: holds a video stream without a single frame")


def _pictures(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Every frame of `stream`; an `FFmpegError` where the file stops before its stated end."""
    packets, reached_s = 0, 0.0
    promised = _promised(container, stream)
    for packet in container.demux():
        if packet.pts is not None:
            end = packet.pts + (packet.duration or 0)
            reached_s = max(reached_s, float(end * packet.time_base))
        if packet.stream_index == stream.index and packet.size:
            packets += 1
            yield from _intact(stream.codec_context.decode(packet))
    yield from _intact(stream.codec_context.decode(None))
    stated_s = (container.duration or 0) / _CONTAINER_TICKS_PER_S
    cut_off = container.format.name.startswith("matroska") and stated_s - reached_s > _LOST_TAIL_S
    if packets < promised or cut_off:
        raise EndOfFileError(0, "the file ends early")


def _promised(container: InputContainer, stream: VideoStream) -> int:
    """How many packets an MP4's or MOV's index lists; other indexes list some or none: 0."""
    return len(stream.index_entries) if container.format.name.startswith("mov") else 0


def _intact(pictures: list[VideoFrame]) -> list[VideoFrame]:
    if any(picture.is_corrupt for picture in pictures):
        raise InvalidDataError(0, "damaged picture data")
    return pictures


def _next_time(given: int | None, before: int | None) -> int:
    if before is None:
        return given or 0
    return before + 1 if given is None else max(given, before + 1)


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic and stream.codec_context
    ]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise MediaError(
            f"{path}: holds {', '.join(kinds)} but no video that can be decoded; "
            f"needed is a video or picture"
        )
    context = streams[0].codec_context
    check_pixels(path, context.width, context.height)
    context.options = {"max_pixels": str(MAX_PICTURE_PX)}  # of pictures that grow on the way
    return streams[0]


def check_pixels(path: Path, width: int, height: int) -> None:
    """Raise `MediaError` where a frame has more pixels than `MAX_PICTURE_PX`."""
    if width * height > MAX_PICTURE_PX:
        raise MediaError(f"{path}: {width}x{height} pixels; at most {MAX_PICTURE_PX} are allowed")


def _broken(path: Path, index: int, expected: int, cause: str) -> MediaError:
    of = f" of {expected}" if expected else ""
    return MediaError(
        f"{path}: breaks after {index}{of} frames ({cause}); needed is a whole file, "
        f"copy or export it again"
    )


def _cause(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).splitlines()[0]
