"""Where a face is in its frame: the square around it, and who may tell what hides it."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import cut_square
from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame
from facepipe.swapping.swapper import Swapper

PictureT = TypeVar("PictureT", RgbImage, FloatArray)


@dataclass(frozen=True, eq=False)
class Place:
    """A face's square, as a swapper wants it cut.

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


def place_of(frame: Frame, face_px: FloatArray, swapper: Swapper) -> Place:
    """The square of a face `(478, 3)` in a frame, as the swapper wants it cut."""
    transform = swapper.transform(five_points(face_px))
    crop_rgb = cut_square(frame.rgb, transform, swapper.size_px)
    return Place(frame, face_px, transform, crop_rgb, apply_transform(transform, face_px))


def as_network_square(place: Place, picture: PictureT) -> PictureT:
    """A picture or mask of a place's square as the inswapper contract would have cut it."""
    move = network_transform(five_points(place.points_px), place.size_wh[0])
    if np.allclose(move, np.eye(2, 3), atol=1e-2):
        return picture
    moved: Any = cv2.warpAffine(picture, move, place.size_wh, borderMode=cv2.BORDER_REPLICATE)
    return moved


class Occlusion(Protocol):
    """Tells where a face can be seen, and where something lies in front of it."""

    def visible(self, place: Place) -> FloatArray:
        """How much of the face is seen, 0 to 1, in its square: `(S, S)`."""
        ...
