"""Fit what was drawn for a face into its frame."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import Mixer, paste
from facepipe.compositing.masks import skin_mask
from facepipe.compositing.transfer import TRANSFERS
from facepipe.media.decode import Frame
from facepipe.swapping.blending import Blender
from facepipe.swapping.casting import Cast, Spot
from facepipe.swapping.finishing import Finisher
from facepipe.swapping.masking import Masker, Shown
from facepipe.swapping.masks import FaceMasks
from facepipe.swapping.place import Occlusion, Place, as_network_square
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment, SteadyColours, SteadySquares


class Fitter:
    """Fits drawn squares into their frames, in the order of time.

    Args:
        casting: which faces they belong to.
        settings: how they are fitted in.
        occlusions: what else may hide the faces of each role, if anything; the least of all that
            they see counts.
        on_fitted: told how much of each face's swap is shown.
    """

    def __init__(
        self,
        casting: Cast,
        settings: SwapSettings,
        occlusions: Sequence[Sequence[Occlusion]] = (),
        on_fitted: Callable[[Spot, FaceMasks], None] = lambda spot, masks: None,
    ) -> None:
        self._casting = casting
        self._on_fitted = on_fitted
        looks = occlusions or [()] * len(casting.roles)
        self._persons = [
            _Person(settings, each) for _, each in zip(casting.roles, looks, strict=True)
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
        moment = self._moment(spot)
        fitted = self._persons[spot.role].fitted(moment, place, drawn)
        mask = fitted.shown.mask * np.float32(self._casting.opacity(spot))
        visible = fitted.shown.visible
        if visible is not None:
            visible = as_network_square(place, visible)
        self._on_fitted(spot, FaceMasks(as_network_square(place, mask), visible))
        pasted_rgb = paste(frame.rgb, fitted.face_rgb, mask, place.transform, fitted.mixer)
        return replace(frame, rgb=pasted_rgb)

    def _moment(self, spot: Spot) -> Moment:
        track = self._casting.roles[spot.role].track(spot.frame)
        scene = int(self._casting.scene[spot.frame])
        return Moment(float(self._casting.pts_s[spot.frame]), scene, track)


class _Fitted(NamedTuple):
    """A square `(S, S, 3)` as it is to be seen, where, and what lays it over the frame."""

    face_rgb: RgbImage
    shown: Shown
    mixer: Mixer


class _Person:
    """What is remembered of one person's faces from frame to frame."""

    def __init__(self, settings: SwapSettings, occlusions: Sequence[Occlusion]) -> None:
        self._masks = Masker(settings, occlusions)
        self._faces = SteadySquares(settings.steady_s)
        self._colours: SteadyColours | None = None
        if settings.colour != "none":
            self._colours = SteadyColours(
                TRANSFERS[settings.colour], settings.colour_share, settings.colour_window_s
            )
        self._blend = Blender(settings)
        self._finish = Finisher(settings)

    def fitted(self, moment: Moment, place: Place, drawn: tuple[RgbImage, FloatArray]) -> _Fitted:
        square_rgb, believed = drawn
        shown = self._masks.shown(moment, place, believed)
        face_rgb = self._faces.picture(moment, square_rgb)
        if self._colours:
            skin = skin_mask(place.points_px, place.size_wh)
            face_rgb = self._colours.match(face_rgb, place.crop_rgb, skin, moment)
        face_rgb, mixer = self._blend.blended(moment, place, face_rgb, shown)

        def finished(below_rgb: RgbImage, above_rgb: RgbImage, mask: FloatArray) -> RgbImage:
            above_rgb = self._finish.finished(moment, place, (below_rgb, above_rgb), mask)
            return mixer(below_rgb, above_rgb, mask)

        return _Fitted(face_rgb, shown, finished)
