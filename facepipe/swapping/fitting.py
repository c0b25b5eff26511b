"""Cut a face out of its frame, and fit what was drawn for it back in."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import cut_square, paste
from facepipe.compositing.masks import hull_mask, skin_mask
from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame
from facepipe.swapping.casting import Cast, Spot
from facepipe.swapping.masks import FaceMasks
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import SteadyColours


@dataclass(frozen=True, eq=False)
class Place:
    """A face's network square: how it is cut, `(2, 3)`, what it shows, and its points there."""

    transform: FloatArray
    crop_rgb: RgbImage
    points_px: FloatArray


def place_of(frame: Frame, face_px: FloatArray, size_px: int) -> Place:
    """The square of a face `(478, 3)` in a frame."""
    transform = network_transform(five_points(face_px), size_px)
    crop_rgb = cut_square(frame.rgb, transform, size_px)
    return Place(transform, crop_rgb, apply_transform(transform, face_px))


class Fitter:
    """Fits drawn squares into their frames, in the order of time.

    Args:
        casting: which faces there are.
        settings: of the swap.
        on_fitted: told how much of each face's swap is shown.
    """

    def __init__(
        self,
        casting: Cast,
        settings: SwapSettings,
        on_fitted: Callable[[Spot, FaceMasks], None] = lambda spot, masks: None,
    ) -> None:
        self._casting = casting
        self._settings = settings
        self._on_fitted = on_fitted
        self._colours = [
            SteadyColours(settings.colour, settings.colour_window_s) for _ in casting.roles
        ]

    def fit(
        self,
        frame: Frame,
        spot: Spot,
        place: Place,
        drawn: tuple[RgbImage, FloatArray],
    ) -> Frame:
        """The frame with a drawn square `(S, S, 3)` in it, where it is believed, `(S, S)`.

        Args:
            frame: the target's, with the faces that were fitted in before.
            spot: which face it is.
            place: where the square belongs.
            drawn: the square, and how far each pixel of it is to be trusted, 0 to 1.
        """
        square_rgb, believed = drawn
        size_wh = (believed.shape[1], believed.shape[0])
        moment = (frame.pts_s, float(self._casting.scene[frame.index]))
        skin = skin_mask(place.points_px, size_wh)
        face_rgb = self._colours[spot.role].match(square_rgb, place.crop_rgb, skin, moment)
        hull = hull_mask(
            place.points_px,
            size_wh,
            erosion=self._settings.erosion,
            feather=self._settings.feather,
        )
        mask = np.minimum(hull, believed) * np.float32(self._casting.opacity(spot))
        self._on_fitted(spot, FaceMasks(mask))
        return replace(frame, rgb=paste(frame.rgb, face_rgb, mask, place.transform))
