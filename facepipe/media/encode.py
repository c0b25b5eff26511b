"""Write RGB frames as an MP4 that keeps the source's times, sound and colour tags.

H.264 in 4:2:0, because it plays everywhere. 4:2:0 needs even sides: an odd picture is widened by
repeating its last column or row, so nothing of it is lost. Turns are already applied, so none is
stored. Titles, places and dates of the source are not copied. Colour tags are copied as they are;
a 10-bit HDR source keeps its tags but is stored with 8 bits and without mastering metadata.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from facepipe.arrays import RgbImage, check_shape
from facepipe.errors import MediaError
from facepipe.files import whole_file
from facepipe.media.clips import open_clip
from facepipe.media.colour import YuvConverter
from facepipe.media.probe import MediaInfo, probe
from facepipe.media.settings import EncodeSettings

_THREADS = 4  # x264's bytes depend on how many threads share a frame, so the number is fixed
# Macroblock-tree rate control is off, because x264's AVX-512 code for it gives other bytes from run
# to run (measured: 14 results of 16 runs at 448x270; off, one result on any instruction set). The
# price is a file a quarter larger at the same quality.
_X264 = "mbtree=0"
_STILL_RATE = Fraction(25)


class VideoWriter:
    """Write one MP4, whole or not at all; use it in a `with` block.

    The same frames, times, source and settings give the same bytes.

    Args:
        path: Where the file goes; what is there stays until the new one is whole.
        like: The source, or what `probe` says of it: size, time base, rate, sound, colour tags.
        settings: How much of the picture to keep.

    Raises:
        MediaError: The source's sound cannot be stored in MP4, or no frame was written.
        StorageError: The disk is full or the folder may not be written to.
    """

    def __init__(
        self, path: Path, like: MediaInfo | Path, settings: EncodeSettings | None = None
    ) -> None:
        self._path = path
        self._info = like if isinstance(like, MediaInfo) else probe(like)
        self._settings = settings or EncodeSettings()
        self._open = ExitStack()
        self._last_pts: int | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            opening.enter_context(_encoding(self._path))
            aside = opening.enter_context(whole_file(self._path))
            source = _sound_source(self._info, opening)
            self._file = _open_output(aside, self._info)
            opening.push(self._finish)
            self._video = _add_video(self._file, self._info, self._settings)
            self._colours = YuvConverter(_even_wh(self._info), self._info.colours)
            self._sound = _Sound(self._file, source, self._info.path)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def write(self, frame_rgb: RgbImage, pts: int) -> None:
        """Add a frame `(H, W, 3)` of the source's size, shown from `pts` in its time base.

        Raises:
            ShapeError: The frame has another size than the source.
            MediaError: `pts` is not later than the frame before.
        """
        check_shape(frame_rgb, (self._info.height, self._info.width, 3), name="frame_rgb")
        if self._last_pts is not None and pts <= self._last_pts:
            raise MediaError(
                f"{self._path}: frame at pts {pts} comes after pts {self._last_pts}; "
                f"times must grow from frame to frame"
            )
        picture = self._colours.convert(_even(frame_rgb))
        picture.pts, picture.time_base = pts, self._info.time_base
        if self._last_pts is not None:
            picture.duration = pts - self._last_pts  # kept of the last frame, which has no next
        self._last_pts = pts
        self._sound.copy_until(float(pts * self._info.time_base))
        self._file.mux(self._video.encode(picture))

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            _abandon(self._file)
            return
        if self._last_pts is None:
            _abandon(self._file)
            raise MediaError(f"{self._path}: no frame was written; a video needs at least one")
        self._sound.copy_until(float("inf"))
        self._file.mux(self._video.encode())
        self._file.close()


class _Sound:
    """The source's audio packets, copied as they are while the video advances."""

    def __init__(self, output: OutputContainer, source: InputContainer | None, path: Path) -> None:
        self._output = output
        self._waiting: Packet[Stream] | None = None
        streams = source.streams.audio if source else ()
        self._copies = {stream.index: _add_copy(output, stream, path) for stream in streams}
        self._packets = _timed_packets(source) if source and streams else iter(())

    def copy_until(self, time_s: float) -> None:
        """Hand on every packet that starts at or before `time_s`."""
        while packet := self._waiting or next(self._packets, None):
            self._waiting = packet
            if float((packet.dts or 0) * packet.time_base) > time_s:
                return
            packet.stream = self._copies[packet.stream_index]
            self._output.mux(packet)
            self._waiting = None


def _sound_source(info: MediaInfo, opening: ExitStack) -> InputContainer | None:
    return opening.enter_context(open_clip(info.path))[0] if info.has_audio else None


def _timed_packets(source: InputContainer) -> "Iterator[Packet[Stream]]":
    for packet in source.demux(*source.streams.audio):
        if packet.dts is not None:
            yield packet


def _add_copy(output: OutputContainer, stream: AudioStream, path: Path) -> AudioStream:
    try:
        return output.add_stream_from_template(stream)
    except ValueError as error:
        raise MediaError(
            f"{path}: its sound ({stream.codec_context.name}) cannot be stored in MP4; "
            f"convert it to AAC first"
        ) from error


def _open_output(path: Path, info: MediaInfo) -> OutputContainer:
    options = {
        "movflags": "+faststart",
        "fflags": "+bitexact",
        "video_track_timescale": str(info.time_base.denominator),
    }
    return av.open(str(path.absolute()), "w", format="mp4", options=options)


def _add_video(output: OutputContainer, info: MediaInfo, settings: EncodeSettings) -> VideoStream:
    options = {
        "crf": str(settings.crf),
        "preset": settings.preset,
        "x264-params": _X264,
        "flags": "+bitexact+frame_duration",
    }
    stream = output.add_stream("libx264", rate=info.frame_rate or _STILL_RATE, options=options)
    context = stream.codec_context
    context.width, context.height = _even_wh(info)
    context.pix_fmt = "yuv420p"
    context.thread_count = _THREADS
    context.time_base = info.time_base
    context.colorspace, context.color_range = info.colours.matrix, info.colours.range
    context.color_primaries = info.colours.primaries
    context.color_trc = info.colours.transfer
    if info.pixel_aspect != 1:
        context.sample_aspect_ratio = info.pixel_aspect
    return stream


def _even_wh(info: MediaInfo) -> tuple[int, int]:
    return info.width + info.width % 2, info.height + info.height % 2


def _even(frame_rgb: RgbImage) -> RgbImage:
    height, width = frame_rgb.shape[:2]
    if height % 2 or width % 2:
        return np.pad(frame_rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return frame_rgb


def _abandon(file: OutputContainer) -> None:
    try:
        file.close()
    except (FFmpegError, OSError):
        return


@contextmanager
def _encoding(path: Path) -> Generator[None]:
    try:
        yield
    except FFmpegError as error:
        raise MediaError(f"{path}: cannot be encoded ({error.strerror})") from error
