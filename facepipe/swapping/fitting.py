"""Cut a face out of its frame, and fit what was drawn for it back in."""

from dataclasses import dataclass

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import cut_square, paste
from facepipe.compositing.masks import hull_mask, skin_mask
from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame
from facepipe.swapping.casting import Cast
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import SteadyColours


@dataclass(frozen=True, eq=False)
class Place:
    """A face's network square: how it is cut, `(2, 3)`, what it shows, and its points there."""

    transform: FloatArray
    crop_rgb: RgbImage
    points_px: FloatArray


def place_of(frame: Frame, casting: Cast, size_px: int) -> Place:
    """The square of the face that is swapped in a frame."""
    points_px = casting.points_px[frame.index]
    transform = network_transform(five_points(points_px), size_px)
    crop_rgb = cut_square(frame.rgb, transform, size_px)
    return Place(transform, crop_rgb, apply_transform(transform, points_px))


class Fitter:
    """Fits drawn squares into their frames, in the order of time."""

    def __init__(self, casting: Cast, settings: SwapSettings) -> None:
        self._casting = casting
        self._settings = settings
        self._colours = SteadyColours(settings.colour, settings.colour_window_s)

    def fit(
        self, frame: Frame, place: Place, square_rgb: RgbImage, believed: FloatArray
    ) -> RgbImage:
        """The frame with a drawn square `(S, S, 3)` in it, where `believed` `(S, S)` trusts it."""
        size_wh = (believed.shape[1], believed.shape[0])
        moment = (frame.pts_s, float(self._casting.scene[frame.index]))
        skin = skin_mask(place.points_px, size_wh)
        face_rgb = self._colours.match(square_rgb, place.crop_rgb, skin, moment)
        hull = hull_mask(
            place.points_px,
            size_wh,
            erosion=self._settings.erosion,
            feather=self._settings.feather,
        )
        mask = np.minimum(hull, believed) * self._casting.opacity[frame.index]
        return paste(frame.rgb, face_rgb, mask, place.transform)
