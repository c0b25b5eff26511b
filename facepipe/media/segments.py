"""Encode a stretch of video to a file of its own, which `joining` sets beside others.

A segment starts with a picture that needs no other and refers to none outside; so segments of one
encoder can follow each other as they are. NUT holds them: it keeps times to the tick, wherever
they start.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from facepipe.errors import MediaError
from facepipe.files import whole_file
from facepipe.media.encoders import Format, add_video
from facepipe.media.opening import Opening
from facepipe.media.settings import EncodeSettings

SUFFIX = ".nut"
_LEAD_S = 100_000  # decoding begins before showing, and NUT moves everything rather than go below 0


def lead(form: Format) -> int:
    """By how much later than it is a segment says that a picture is shown."""
    return round(_LEAD_S / form.time_base)


class SegmentWriter(Opening):
    """Write a stretch of video without sound, whole or not at all; use it in a `with` block.

    The same pictures, times and settings give the same bytes.

    Args:
        path: Where the segment goes.
        form: What the pictures are like.
        settings: How they are encoded.

    Raises:
        MediaError: It cannot be encoded, or no picture was written.
        StorageError: The disk is full or the folder may not be written to.
    """

    def __init__(self, path: Path, form: Format, settings: EncodeSettings) -> None:
        self._path = path
        self._form = form
        self._settings = settings
        self._last_pts: int | None = None
        self._count = 0

    def _enter(self, opening: ExitStack) -> None:
        opening.enter_context(encoding(self._path))
        aside = opening.enter_context(whole_file(self._path))
        self._file = av.open(
            str(aside.absolute()), "w", format="nut", options={"fflags": "+bitexact"}
        )
        opening.push(self._finish)
        self._video = add_video(self._file, self._form, self._settings)

    def write(self, picture: VideoFrame, pts: int) -> None:
        """Add a picture of the segment's form, shown from `pts` in its time base.

        Raises:
            MediaError: `pts` is not later than the picture before.
        """
        if self._last_pts is not None and pts <= self._last_pts:
            raise MediaError(
                f"{self._path}: frame at pts {pts} comes after pts {self._last_pts}; "
                f"times must grow from frame to frame"
            )
        self._last_pts = pts
        self._count += 1
        picture.pts, picture.time_base = pts + lead(self._form), self._form.time_base
        self._file.mux(self._video.encode(picture))

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            abandon(self._file)
            return
        if self._last_pts is None:
            abandon(self._file)
            raise MediaError(f"{self._path}: no frame was written; a video needs at least one")
        last = self._video.encode()
        if self._count == 1:  # x265 gives a lone picture whatever time lay in memory
            for packet in last:
                packet.pts = packet.dts = self._last_pts + lead(self._form)
        self._file.mux(last)
        self._file.close()


def abandon(file: OutputContainer) -> None:
    """Close a file that will not be kept."""
    try:
        file.close()
    except (FFmpegError, OSError):
        return


@contextmanager
def encoding(path: Path) -> Generator[None]:
    """Turn FFmpeg's errors into a `MediaError` that names `path`."""
    try:
        yield
    except FFmpegError as error:
        raise MediaError(f"{path}: cannot be encoded ({error.strerror})") from error
