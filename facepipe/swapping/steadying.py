"""Match a swapped face's colours to the target's without following every flicker of either."""

import math

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.colour import (
    ColourStatistics,
    from_lab,
    lab_statistics,
    move_colours,
    to_lab,
)


class SteadyColours:
    """Moves colours by statistics that are averaged over time, within a shot.

    Args:
        share: how far to go towards the target's colours, 0 to 1.
        window_s: time constant of the average, in seconds; 0 averages nothing.
    """

    def __init__(self, share: float, window_s: float) -> None:
        self._share = share
        self._window_s = window_s
        self._last: tuple[ColourStatistics, ColourStatistics] | None = None
        self._moment = (-math.inf, -1.0)

    def match(
        self, face_rgb: RgbImage, crop_rgb: RgbImage, skin: FloatArray, moment: tuple[float, float]
    ) -> RgbImage:
        """The face `(S, S, 3)` in the colours that the crop `(S, S, 3)` has under the skin mask.

        Args:
            face_rgb: the drawn face.
            crop_rgb: what was there.
            skin: `(S, S)` where colours are measured, of both.
            moment: time in seconds, and shot number; frames come in the order of time.
        """
        if self._share <= 0 or not skin.any():
            return face_rgb
        face = to_lab(face_rgb)
        measured = lab_statistics(face, skin), lab_statistics(to_lab(crop_rgb), skin)
        own, wanted = self._averaged(measured, moment)
        return from_lab(move_colours(face, own, own.towards(wanted, self._share)))

    def _averaged(
        self, measured: tuple[ColourStatistics, ColourStatistics], moment: tuple[float, float]
    ) -> tuple[ColourStatistics, ColourStatistics]:
        passed_s = moment[0] - self._moment[0]
        if self._last is None or moment[1] != self._moment[1] or passed_s > 4 * self._window_s:
            self._last = measured
        else:
            share = 1 - math.exp(-passed_s / max(self._window_s, 1e-9))
            own, wanted = (
                old.towards(new, share) for old, new in zip(self._last, measured, strict=True)
            )
            self._last = (own, wanted)
        self._moment = moment
        return self._last
