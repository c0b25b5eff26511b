"""How much of a drawn face is shown where: the least that any mask allows, calm in time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facepipe.arrays import FloatArray, check_shape
from facepipe.compositing.masks import border_fade, face_depth, face_size_px, fade_in
from facepipe.compositing.parts import without_parts
from facepipe.swapping.place import Occlusion, Place
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment, SteadySquares


@dataclass(frozen=True, eq=False)
class Shown:
    """How a drawn face meets its surroundings, in its network square.

    Attributes:
        mask: `(S, S)` 0 to 1, how much of it is shown.
        seam: `(S, S)` 0 to 1, where it comes into sight at the face's outline, but not where
            something lies in front of it.
        visible: `(S, S)` 0 to 1, where nothing lies in front of the face; none where nobody looked.
    """

    mask: FloatArray
    seam: FloatArray
    visible: FloatArray | None


class Masker:
    """Makes the masks of one person's faces, in the order of time.

    Args:
        settings: how far the swap reaches.
        occlusions: what else may hide a face.
    """

    def __init__(self, settings: SwapSettings, occlusions: Sequence[Occlusion] = ()) -> None:
        self._settings = settings
        self._occlusions = occlusions
        self._steady = SteadySquares(settings.steady_s)

    def shown(self, moment: Moment, place: Place, believed: FloatArray) -> Shown:
        """What is shown of a face that is drawn, and `believed` `(S, S)`, in its place.

        Raises:
            ShapeError: A mask is of another size than the square.
        """
        seen = [occlusion.visible(place) for occlusion in self._occlusions]
        for mask in (believed, *seen):
            check_shape(mask, place.crop_rgb.shape[:2], name="the mask of a face's square")
        allowed = np.minimum.reduce([believed, *self._parts(place), *seen])
        if allowed.min() < 1:  # landmarks are smoothed, and so the outline is calm already
            allowed = self._steady.mask(moment, allowed, place.crop_rgb)
        outline, inner = self._outlines(place)
        visible = np.minimum.reduce(seen) if seen else None
        return Shown(np.minimum(outline, allowed), outline * (1 - inner) * allowed, visible)

    def _parts(self, place: Place) -> list[FloatArray]:
        """The mask that leaves out what is not to be swapped, if anything is."""
        settings = self._settings
        swapped = {
            "brows": settings.swap_brows,
            "eyes": settings.swap_eyes,
            "mouth": settings.swap_mouth,
            "chin": settings.swap_chin,
        }
        kept = [part for part, is_swapped in swapped.items() if not is_swapped]
        if not kept:
            return []
        return [without_parts(place.points_px, place.size_wh, kept, feather=settings.feather)]

    def _outlines(self, place: Place) -> tuple[FloatArray, FloatArray]:
        """The face `(S, S)`, fading in at its outline, and the part of it that lies deeper."""
        erosion, feather = self._settings.erosion, self._settings.feather
        depth = face_depth(place.points_px, place.size_wh)
        feather_px = feather * face_size_px(place.points_px)
        return (
            np.minimum(
                fade_in(depth, erosion=erosion, feather=feather),
                border_fade(place.size_wh, feather_px),
            ),
            np.minimum(
                fade_in(depth, erosion=erosion + feather, feather=feather),
                border_fade(place.size_wh, 2 * feather_px),
            ),
        )
