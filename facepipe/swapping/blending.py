"""Let a drawn face run into what is around it, without a seam and without a tremble."""

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.masks import face_size_px
from facepipe.compositing.membrane import lay_over, membrane
from facepipe.swapping.place import Place
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment, SteadyValues


class Blender:
    """Blends one person's faces, in the order of time."""

    def __init__(self, settings: SwapSettings) -> None:
        self._settings = settings
        self._membranes = SteadyValues(settings.colour_window_s)

    def blended(
        self, moment: Moment, place: Place, face_rgb: RgbImage, seam: FloatArray
    ) -> RgbImage:
        """A face `(S, S, 3)` in its place, ready to be shown up to its seam `(S, S)`."""
        if self._settings.blend == "feather":
            return face_rgb
        reach_px = self._settings.blend_reach * face_size_px(place.points_px)
        lacking = membrane(face_rgb, place.crop_rgb, seam, reach_px)
        return lay_over(face_rgb, self._membranes.at(moment, lacking))
