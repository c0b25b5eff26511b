"""Let a drawn face run into what is around it, without a seam and without a tremble."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import Mixer, mix
from facepipe.compositing.masks import face_size_px
from facepipe.compositing.membrane import lay_over, membrane, reduced
from facepipe.compositing.multiband import mix_bands
from facepipe.swapping.masking import Shown
from facepipe.swapping.place import Place
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment, SteadyValues


class Shares(NamedTuple):
    """How much of each way of blending is used; together 1."""

    feather: float
    poisson: float
    multiband: float


class Blender:
    """Blends one person's faces, in the order of time."""

    def __init__(self, settings: SwapSettings) -> None:
        self._settings = settings
        self._membranes = SteadyValues(settings.colour_window_s)
        self._energies = SteadyValues(settings.colour_window_s)

    def blended(
        self, moment: Moment, place: Place, face_rgb: RgbImage, shown: Shown
    ) -> tuple[RgbImage, Mixer]:
        """A face `(S, S, 3)` ready for its place, and what is to lay it over the frame."""
        blend = self._settings.blend
        if blend == "feather":
            return face_rgb, mix
        if blend == "multiband":
            return face_rgb, mix_bands
        reach_px = self._settings.blend_reach * face_size_px(place.points_px)
        lacking = membrane(face_rgb, place.crop_rgb, shown.seam, reach_px)
        lacking = self._membranes.at(moment, lacking)
        if blend == "poisson":
            return lay_over(face_rgb, lacking), mix
        energies = seam_energies(face_rgb, place.crop_rgb, lacking, shown)
        shares = shares_of(self._energies.at(moment, energies))
        return lay_over(face_rgb, lacking * np.float32(shares.poisson)), _mixer(shares.multiband)


def seam_energies(
    face_rgb: RgbImage, there_rgb: RgbImage, lacking: FloatArray, shown: Shown
) -> NDArray[np.float64]:
    """What each way of blending leaves to be seen, `(3,)`, 0-255: feather, poisson, multiband.

    It is the step of colour that is left inside the seam, and how unevenly the face's own colours
    were changed further in.

    Args:
        face_rgb: `(S, S, 3)`.
        there_rgb: `(S, S, 3)` what was there.
        lacking: `(32, 32, 3)` the membrane that poisson adds to the face.
        shown: where the face is shown.
    """
    ways = (face_rgb, lay_over(face_rgb, lacking), mix_bands(there_rgb, face_rgb, shown.mask))
    core = shown.mask * (1 - shown.seam)
    return np.array(
        [
            _size(_mean_change(way, there_rgb, shown.seam), reduced(shown.seam))
            + _unevenness(_mean_change(way, face_rgb, core), reduced(core))
            for way in ways
        ]
    )


def shares_of(energies: NDArray[np.float64]) -> Shares:
    """The ways whose energy is least, running over into each other; the plainer one in doubt."""
    cost = energies + _PLAINER
    closeness = np.maximum(0, 1 - (cost - cost.min()) / _RUN_OVER)
    return Shares(*(closeness / closeness.sum()).tolist())


def _mean_change(rgb: RgbImage, from_rgb: RgbImage, weight: FloatArray) -> FloatArray:
    """`(32, 32, 3)` weighted mean difference of two pictures `(S, S, 3)` in each cell."""
    change = cv2.subtract(rgb, from_rgb, dtype=cv2.CV_32F) * weight[..., None]
    return np.divide(
        reduced(change), np.maximum(reduced(weight), 1e-6)[..., None], dtype=np.float32
    )


def _size(change: FloatArray, weight: FloatArray) -> float:
    """Weighted mean length of `(h, w, 3)`."""
    length = np.linalg.norm(change, axis=2) / np.sqrt(3)
    return float((weight * length).sum() / max(float(weight.sum()), 1e-6))


def _unevenness(change: FloatArray, weight: FloatArray) -> float:
    mean = (weight[..., None] * change).sum((0, 1)) / max(float(weight.sum()), 1e-6)
    return _size(change - mean, weight)


def _mixer(bands: float) -> Mixer:
    """Laplacian bands and a plain mix, running over into each other by a share of bands."""
    if bands <= 0:
        return mix
    if bands >= 1:
        return mix_bands

    def both(below_rgb: RgbImage, above_rgb: RgbImage, mask: FloatArray) -> RgbImage:
        plain = mix(below_rgb, above_rgb, mask)
        banded = mix_bands(below_rgb, above_rgb, mask)
        return np.asarray(cv2.addWeighted(plain, 1 - bands, banded, bands, 0), np.uint8)

    return both


_PLAINER = np.array([0.0, 1.0, 2.0])  # of 255: what is not seen is not worth another colour
_RUN_OVER = 1.0  # of 255: so much worse, and a way of blending is not used at all
