"""Put what was changed in a picture into the samples of its source; the rest keeps every bit.

A change is the difference of two RGB pictures. It is added to the source's own samples: where
nothing changed they stay as they are, and where something did they keep what 8-bit RGB cannot
hold, so that 10-bit sources stay free of bands.
"""

from typing import cast

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImage
from facepipe.media.clips import ClipFrame
from facepipe.media.colour import SampleConverter, YuvConverter, as_stored, rgb_to_yuv
from facepipe.media.decode import Frame
from facepipe.media.encode import even
from facepipe.media.encoders import Format, stored_format, upright_format
from facepipe.media.probe import MediaInfo

Samples = NDArray[np.uint8] | NDArray[np.uint16]
_SAME = {"yuv420p": ("yuv420p", "yuvj420p"), "yuv420p10le": ("yuv420p10le",)}
"""Layouts that differ by nothing but the name."""


class Canvas:
    """Makes what an encoder takes from the frames of one film, as they are in the end.

    Args:
        info: Of the film. What has odd sides, or no samples of its own, is stored upright with
            8 bits.
    """

    def __init__(self, info: MediaInfo) -> None:
        self._keeps = info.kind == "video" and not (info.width % 2 or info.height % 2)
        self.form: Format = stored_format(info) if self._keeps else upright_format(info)
        self._colours = YuvConverter((self.form.width, self.form.height), self.form.colours)
        self._converters: dict[str, SampleConverter] = {}
        self._matrix = rgb_to_yuv(self.form.colours, self.form.bits)

    def picture(self, frame: Frame, shown_rgb: RgbImage) -> VideoFrame:
        """The frame's picture, showing `shown_rgb` `(H, W, 3)` where that is not what it was."""
        if not self._keeps or frame.stored is None:
            return self._colours.convert(even(shown_rgb))
        samples = self._samples(frame.stored)
        if shown_rgb is not frame.rgb:
            turn = frame.stored.turn
            self._change(samples, as_stored(frame.rgb, turn), as_stored(shown_rgb, turn))
        return VideoFrame.from_ndarray(samples, format=self.form.pix_fmt)

    def _samples(self, stored: ClipFrame) -> Samples:
        """A copy of the source's samples, `(3 H / 2, W)`: luminance, then both chromas."""
        picture, form = stored.picture, self.form
        same_size = (picture.width, picture.height) == (form.width, form.height)
        if not same_size or picture.format.name not in _SAME[form.pix_fmt]:
            name = f"{picture.format.name} {picture.width} {picture.height}"
            if name not in self._converters:
                self._converters[name] = SampleConverter(
                    picture, (form.width, form.height), form.pix_fmt, form.colours
                )
            picture = self._converters[name].convert(picture)
        return cast(Samples, np.ascontiguousarray(picture.to_ndarray()))

    def _change(self, samples: Samples, before_rgb: RgbImage, after_rgb: RgbImage) -> None:
        """Add the change from one picture to the other, both as stored, to its samples."""
        box = _changed(before_rgb, after_rgb)
        if box is None:
            return
        rows, columns = box
        change = after_rgb[rows, columns].astype(np.float32) - before_rgb[rows, columns]
        yuv = np.asarray(change @ self._matrix.T, np.float32)
        height, width = self.form.height, self.form.width
        flat, luma = samples.reshape(-1), height * width
        planes = [
            flat[:luma].reshape(height, width),
            flat[luma : luma * 5 // 4].reshape(height // 2, width // 2),
            flat[luma * 5 // 4 :].reshape(height // 2, width // 2),
        ]
        _add(planes[0][rows, columns], yuv[..., 0], self.form.bits)
        halves = tuple(slice(side.start // 2, side.stop // 2) for side in box)
        for place in (1, 2):
            _add(planes[place][halves], _halved(yuv[..., place]), self.form.bits)


def _changed(before_rgb: RgbImage, after_rgb: RgbImage) -> tuple[slice, slice] | None:
    """Rows and columns that hold all that differs and two pixels around, from and to even ones."""
    before, after = _blocks(before_rgb), _blocks(after_rgb)
    rows = np.flatnonzero((before != after).any(axis=1))
    if not rows.size:
        return None
    part = slice(int(rows[0]), int(rows[-1]) + 1)
    blocks = np.flatnonzero((before[part] != after[part]).any(axis=0))
    height, width = before_rgb.shape[:2]
    first, end = (place * before.itemsize // 3 for place in (int(blocks[0]), int(blocks[-1]) + 1))
    return _widened(part.start, part.stop, height), _widened(first, end, width)


def _blocks(picture_rgb: RgbImage) -> NDArray[np.uint8] | NDArray[np.uint64]:
    """Rows of bytes, or of eight bytes each, which are compared in an eighth of the time."""
    rows = np.ascontiguousarray(picture_rgb).reshape(len(picture_rgb), -1)
    return rows.view(np.uint64) if rows.shape[1] % 8 == 0 else rows


def _widened(first: int, end: int, size: int) -> slice:
    return slice(max(first // 2 * 2 - 2, 0), min(end // 2 * 2 + 4, size))


def _halved(chroma: FloatArray) -> FloatArray:
    """`(H, W)` at half the size, sited where H.264 readers look: at the left of each pair."""
    rows = (chroma[0::2] + chroma[1::2]) / 2
    even_columns, odd_columns = rows[:, 0::2], rows[:, 1::2]
    left = np.concatenate([even_columns[:, :1], odd_columns[:, :-1]], axis=1)
    return np.asarray(even_columns / 2 + (left + odd_columns) / 4, np.float32)


def _add(plane: Samples, change: FloatArray, bits: int) -> None:
    np.clip(np.rint(plane + change), 0, 2**bits - 1, out=change)
    plane[...] = change.astype(plane.dtype)
