"""Make a drawn face as grainy and as sharp as the film around it, calmly."""

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.grain import Texture, texture_of, with_detail, with_grain
from facepipe.compositing.masks import face_size_px
from facepipe.swapping.place import Place
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment, SteadyValues

_BLUR = 0.008  # of the face's size: about a pixel of a 128 px square
_SOFTEST, _SHARPEST = 0.4, 1.8  # times the detail that was drawn; beyond it, edges get halos


class Finisher:
    """Finishes one person's faces, in the order of time."""

    def __init__(self, settings: SwapSettings) -> None:
        self._grain, self._detail = settings.grain, settings.detail
        self._textures = SteadyValues(settings.colour_window_s)

    def finished(
        self,
        moment: Moment,
        place: Place,
        pictures: tuple[RgbImage, RgbImage],
        mask: FloatArray,
    ) -> RgbImage:
        """The upper of two pictures `(H, W, 3)`, with the texture of the lower.

        Args:
            moment: when it is.
            place: whose face it is.
            pictures: what is below and what is above, in pixels of the frame.
            mask: `(H, W)` how much of the upper one is shown.
        """
        below_rgb, above_rgb = pictures
        if self._grain <= 0 and self._detail <= 0:
            return above_rgb
        blur_px = max(_BLUR * face_size_px(place.face_px), 0.5)
        both = [texture_of(rgb, mask, blur_px) for rgb in (below_rgb, above_rgb)]
        there, here = (Texture(*pair) for pair in self._textures.at(moment, np.array(both)))
        ratio = min(max(there.detail / max(here.detail, 0.1), _SOFTEST), _SHARPEST)
        if self._detail > 0:
            above_rgb = with_detail(above_rgb, blur_px, 1 + self._detail * (ratio - 1))
        lacking = np.sqrt(max(there.grain**2 - here.grain**2, 0))
        return with_grain(above_rgb, self._grain * float(lacking), place.frame.index)
