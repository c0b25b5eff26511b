"""Draw finer than a model can: its square many times over, each time of other pixels.

A square of `factor` times the model's side is split into `factor²` that each hold every
`factor`-th pixel (polyphase, as FaceFusion's pixel boost), each is drawn, and their pixels are put
back in their places. A model sees a slightly other face in each and draws it slightly lighter,
darker or redder, which shows as a grid; so all get the tones of their mean, and keep their detail.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImages
from facepipe.swapping.swapper import NotFiniteError, Swapper, check_batch

_TONES_PX = 2.0
"""Of the model's pixels: what changes over a longer way than this is tone, the rest detail."""


class BoostedSwapper:
    """Draws with another swapper at `factor` times its side.

    Args:
        swapper: draws what is seen by eye as one picture, pixel by pixel from the given one.
        factor: 1 or more.
        batch: squares given to it at once; there are `factor²` for each face.
    """

    def __init__(self, swapper: Swapper, factor: int, batch: int) -> None:
        self._swapper, self._factor, self._batch = swapper, factor, batch

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._factor * self._swapper.size_px

    def transform(self, five_px: FloatArray) -> FloatArray:
        """See `Swapper.transform`."""
        return self._swapper.transform(five_px) * np.float32(self._factor)

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `Swapper.swap`."""
        check_batch(crops_rgb, points_px, self.size_px)
        if not len(crops_rgb):
            return crops_rgb, np.zeros(crops_rgb.shape[:3], np.float32)
        seen = split(crops_rgb, self._factor)
        points = np.concatenate([points_px[:, None]] * self._factor**2, axis=1)
        points[..., :2] -= _shifts_px(self._factor)[None, :, None]
        points = (points / np.float32(self._factor)).reshape(-1, *points_px.shape[1:])
        drawn, believed = self._drawn(seen.reshape(-1, *seen.shape[2:]), points)
        change = drawn.reshape(seen.shape).astype(np.float32) - seen
        even = crops_rgb + harmonised(change, self._factor)
        belief = merged(believed.reshape(seen.shape[:-1]), self._factor)
        return np.clip(np.round(even), 0, 255).astype(np.uint8), belief

    def _drawn(self, squares: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """All squares, `batch` at a time; an error names the face and not the square."""
        drawn: list[RgbImages] = []
        believed: list[FloatArray] = []
        for first in range(0, len(squares), self._batch):
            part = slice(first, first + self._batch)
            try:
                rgb, belief = self._swapper.swap(squares[part], points_px[part])
            except NotFiniteError as error:
                face = (first + error.face) // self._factor**2
                raise NotFiniteError(error.path, face) from error
            drawn.append(rgb)
            believed.append(belief)
        return np.concatenate(drawn), np.concatenate(believed)


def split(pictures: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Pictures `(B, k·S, k·S, C)` as `(B, k², S, S, C)`, each of every k-th pixel."""
    count, side, _, channels = pictures.shape
    size = side // factor
    phases = pictures.reshape(count, size, factor, size, factor, channels)
    return phases.transpose(0, 2, 4, 1, 3, 5).reshape(count, factor**2, size, size, channels)


def merged(phases: FloatArray, factor: int) -> FloatArray:
    """What `split` made, `(B, k², S, S[, C])`, as whole pictures `(B, k·S, k·S[, C])` again."""
    count, _, size, _, *channels = phases.shape
    apart = phases.reshape(count, factor, factor, size, size, *channels)
    whole = np.moveaxis(apart, (3, 4), (1, 3))
    return whole.reshape(count, factor * size, factor * size, *channels)


def harmonised(change: FloatArray, factor: int) -> FloatArray:
    """Changes `(B, k², S, S, 3)` of split pictures put together, all phases in the same tones."""
    whole = merged(change, factor)
    if factor == 1:
        return whole
    tones = [[_smooth(phase, _TONES_PX) for phase in phases] for phases in change]
    common = [_smooth(picture, factor * _TONES_PX) for picture in whole]
    return whole - merged(np.array(tones, np.float32), factor) + np.array(common, np.float32)


def _smooth(picture: FloatArray, sigma_px: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def _shifts_px(factor: int) -> FloatArray:
    """`(k², 2)` x and y of each phase's first pixel in the whole picture."""
    y, x = np.divmod(np.arange(factor**2), factor)
    return np.stack([x, y], axis=1).astype(np.float32)
