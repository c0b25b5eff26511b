"""Write RGB frames as an MP4 that keeps the source's times, sound and colour tags.

H.264 in 4:2:0 with 8 bits, because it plays everywhere. 4:2:0 needs even sides: an odd picture is
widened by repeating its last column or row, so nothing of it is lost. Turns are already applied,
so none is stored. Titles, places and dates of the source are not copied.
"""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import numpy as np

from facepipe.arrays import RgbImage, check_shape
from facepipe.files import storage_errors
from facepipe.media.colour import YuvConverter
from facepipe.media.encoders import upright_format
from facepipe.media.joining import join
from facepipe.media.opening import Opening
from facepipe.media.probe import MediaInfo, probe
from facepipe.media.segments import SUFFIX, SegmentWriter
from facepipe.media.settings import EncodeSettings
from facepipe.media.sound import Sound, check_sound


class VideoWriter(Opening):
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
        self._form = upright_format(self._info)
        self._sound = Sound(self._info.path) if self._info.has_audio else None

    def _enter(self, opening: ExitStack) -> None:
        check_sound(self._sound)
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside = opening.enter_context(
                TemporaryDirectory(prefix=f".{self._path.stem}.", dir=self._path.parent)
            )
            opening.push(self._finish)
            self._segment = Path(aside, f"video{SUFFIX}")
            self._video = opening.enter_context(
                SegmentWriter(self._segment, self._form, self._settings)
            )
        self._colours = YuvConverter((self._form.width, self._form.height), self._info.colours)

    def write(self, frame_rgb: RgbImage, pts: int) -> None:
        """Add a frame `(H, W, 3)` of the source's size, shown from `pts` in its time base.

        Raises:
            ShapeError: The frame has another size than the source.
            MediaError: `pts` is not later than the frame before.
        """
        check_shape(frame_rgb, (self._info.height, self._info.width, 3), name="frame_rgb")
        self._video.write(self._colours.convert(even(frame_rgb)), pts)

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            join([self._segment], self._path, self._form, self._settings, self._sound)


def even(picture: RgbImage) -> RgbImage:
    """The picture `(H, W, ...)` with its last row and column repeated where their number is odd."""
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return picture
