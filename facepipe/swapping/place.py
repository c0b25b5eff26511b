"""Where a face is in its frame: the network square around it, and who may tell what hides it."""

from dataclasses import dataclass
from typing import Protocol

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import cut_square
from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame


@dataclass(frozen=True, eq=False)
class Place:
    """A face's network square.

    Attributes:
        frame: the target's, as it was.
        face_px: `(478, 3)` landmarks of the face, in pixels of the frame.
        transform: `(2, 3)` from pixels of the frame to pixels of the square.
        crop_rgb: `(S, S, 3)` what the square shows.
        points_px: `(478, 3)` the landmarks, in pixels of the square.
    """

    frame: Frame
    face_px: FloatArray
    transform: FloatArray
    crop_rgb: RgbImage
    points_px: FloatArray

    @property
    def size_wh(self) -> tuple[int, int]:
        """Size of the square."""
        return (self.crop_rgb.shape[1], self.crop_rgb.shape[0])


def place_of(frame: Frame, face_px: FloatArray, size_px: int) -> Place:
    """The square of a face `(478, 3)` in a frame."""
    transform = network_transform(five_points(face_px), size_px)
    crop_rgb = cut_square(frame.rgb, transform, size_px)
    return Place(frame, face_px, transform, crop_rgb, apply_transform(transform, face_px))


class Occlusion(Protocol):
    """Tells where a face can be seen, and where something lies in front of it."""

    def visible(self, place: Place) -> FloatArray:
        """How much of the face is seen, 0 to 1, in its network square: `(S, S)`."""
        ...
