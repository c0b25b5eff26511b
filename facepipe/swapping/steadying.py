"""What is known of the last moments of a shot, so that nothing trembles from frame to frame.

Every filter here looks back over a window and remembers nothing before it: a swap that starts in
the middle of a shot is the same as one that came there from its beginning, after `memory_s`.
"""

from typing import Any, Generic, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.colour import from_lab, to_lab
from facepipe.compositing.transfer import Transfer
from facepipe.swapping.settings import SwapSettings

T = TypeVar("T")


def memory_s(settings: SwapSettings) -> float:
    """How many seconds of a shot before a frame, at most, decide how a face is fitted into it."""
    # what is drawn, then colours, then seams, then grain, each measured on the one before
    return settings.steady_s + 3 * settings.colour_window_s


class Moment(NamedTuple):
    """When a face is seen: time in seconds, number of the shot, id of the face's track."""

    pts_s: float
    scene: int
    track: int


class Recent(Generic[T]):
    """What was seen of one face in the last `window_s` seconds of a shot; with 0, only what is."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._kept: list[tuple[Moment, T]] = []

    def add(self, moment: Moment, seen: T) -> list[tuple[T, float]]:
        """What was seen, this included and first, and how much each counts: 1, the older the less.

        Moments come in the order of time.
        """
        ages_s = [(moment.pts_s - old.pts_s, old, value) for old, value in self._kept]
        self._kept = [
            (old, value)
            for age_s, old, value in ages_s
            if 0 < age_s < self._window_s and old[1:] == moment[1:]
        ]
        self._kept.append((moment, seen))
        return [
            (value, 1 - (moment.pts_s - then.pts_s) / max(self._window_s, 1e-9))
            for then, value in reversed(self._kept)
        ]


class SteadyValues:
    """Averages arrays of one shape over a window."""

    def __init__(self, window_s: float) -> None:
        self._recent = Recent[NDArray[Any]](window_s)

    def at(self, moment: Moment, values: NDArray[Any]) -> NDArray[Any]:
        """The mean of the arrays seen lately, the later counting the more."""
        seen = self._recent.add(moment, values)
        total = sum(share for _, share in seen)
        return values + sum(share / total * (old - values) for old, share in seen[1:])


class SteadySquares:
    """Averages a face's squares over a window, pixel by pixel, wherever they hardly change.

    What moves is not smeared: where a guiding picture changes, what was before does not count.
    """

    def __init__(self, window_s: float) -> None:
        self._recent = Recent[tuple[FloatArray, RgbImage]](window_s)

    def picture(self, moment: Moment, square_rgb: RgbImage) -> RgbImage:
        """The mean of a picture `(S, S, 3)`, guided by itself."""
        mean = self._mean(moment, square_rgb, square_rgb)
        return np.asarray(cv2.convertScaleAbs(mean), np.uint8)

    def mask(self, moment: Moment, mask: FloatArray, guide_rgb: RgbImage) -> FloatArray:
        """The mean of a mask `(S, S)`, guided by the picture `(S, S, 3)` that it is a mask of."""
        return np.asarray(self._mean(moment, mask, guide_rgb), np.float32)

    def _mean(self, moment: Moment, square: NDArray[Any], guide_rgb: RgbImage) -> NDArray[Any]:
        seen = self._recent.add(moment, (square.astype(np.float32), guide_rgb))
        if len(seen) == 1:
            return square
        mean, weight = seen[0][0][0], np.ones(square.shape[:2], np.float32)
        for (old, old_guide_rgb), share in seen[1:]:
            if old.shape == square.shape:
                alike = _alike(guide_rgb, old_guide_rgb) * np.float32(share)
                mean = cv2.blendLinear(mean, old, weight, alike)
                weight += alike
        return mean


def _alike(now_rgb: RgbImage, before_rgb: RgbImage) -> FloatArray:
    """`(S, S)` 1 where two pictures `(S, S, 3)` hardly differ, 0 where they do."""
    change = cv2.cvtColor(cv2.absdiff(now_rgb, before_rgb), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.LUT(cv2.blur(change, (5, 5)), _LIKENESS), np.float32)


_CHANGE = 8.0  # of 255, in a mean of 25 pixels: with 12, a mouth opens late (measured)
_LIKENESS = np.exp(-0.5 * (np.arange(256) / _CHANGE) ** 2).astype(np.float32)


class SteadyColours:
    """Moves colours by what was measured over a window.

    Args:
        transfer: how they are measured and moved.
        share: how far to go towards the target's colours, 0 to 1.
        window_s: length of the average, in seconds; 0 averages nothing.
    """

    def __init__(self, transfer: Transfer, share: float, window_s: float) -> None:
        self._transfer = transfer
        self._share = share
        self._measured = SteadyValues(window_s)

    def match(
        self, face_rgb: RgbImage, crop_rgb: RgbImage, skin: FloatArray, moment: Moment
    ) -> RgbImage:
        """The face `(S, S, 3)` in the colours that the crop `(S, S, 3)` has under the skin mask.

        Args:
            face_rgb: the drawn face.
            crop_rgb: what was there.
            skin: `(S, S)` where colours are measured, of both.
            moment: frames come in the order of time.
        """
        if self._share <= 0 or not skin.any():
            return face_rgb
        face = to_lab(face_rgb)
        both = [self._transfer.measure(lab, skin) for lab in (face, to_lab(crop_rgb))]
        own, wanted = self._measured.at(moment, np.stack(both))
        wanted = own + self._share * (wanted - own)
        return from_lab(self._transfer.move(face, own, wanted))
