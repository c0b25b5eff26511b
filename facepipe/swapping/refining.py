"""Finish what a swapper drew, in a wider square that shows the whole head around it."""

from typing import Protocol

import numpy as np

from facepipe.arrays import FloatArray, RgbImage, RgbImages
from facepipe.compositing.blend import cut_square, paste
from facepipe.compositing.masks import border_fade
from facepipe.landmarks.alignment import apply_transform, ffhq_transform
from facepipe.landmarks.regions import five_points
from facepipe.swapping.swapper import Swapper, check_batch

_RIM = 1 / 32
"""Of the drawn square: over so much it runs into what is around it."""


class Refiner(Protocol):
    """Makes drawn faces better."""

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        ...

    def refine(self, pictures_rgb: RgbImages, points_px: FloatArray) -> RgbImages:
        """Squares `(B, S, S, 3)`, aligned as FFHQ's photos are, drawn anew.

        Args:
            pictures_rgb: what was drawn, in the target's picture.
            points_px: `(B, 478, 3)` landmarks of the target's faces, in pixels of the squares.

        Raises:
            NotFiniteError: A model draws what is no number.
        """
        ...


class RefinedSwapper:
    """Draws with another swapper, and has the result refined before it is fitted in.

    What the other one draws is laid into the target's own picture where it is believed, so that
    all of the square that comes back is to be believed.
    """

    def __init__(self, swapper: Swapper, refiner: Refiner) -> None:
        self._swapper, self._refiner = swapper, refiner

    @property
    def size_px(self) -> int:
        """Side of the squares it takes and gives."""
        return self._refiner.size_px

    def transform(self, five_px: FloatArray) -> FloatArray:
        """See `Swapper.transform`."""
        return ffhq_transform(five_px, self.size_px)

    def swap(self, crops_rgb: RgbImages, points_px: FloatArray) -> tuple[RgbImages, FloatArray]:
        """See `Swapper.swap`."""
        check_batch(crops_rgb, points_px, self.size_px)
        believed = np.ones(crops_rgb.shape[:3], np.float32)
        if not len(crops_rgb):
            return crops_rgb, believed
        return self._refiner.refine(self._drawn(crops_rgb, points_px), points_px), believed

    def _drawn(self, crops_rgb: RgbImages, points_px: FloatArray) -> RgbImages:
        """The squares with what the other swapper draws in them."""
        inner_px = self._swapper.size_px
        moves = [self._swapper.transform(five_points(points)) for points in points_px]
        pairs = list(zip(crops_rgb, moves, strict=True))
        placed = zip(moves, points_px, strict=True)
        squares, masks = self._swapper.swap(
            np.stack([cut_square(crop, move, inner_px) for crop, move in pairs]),
            np.stack([apply_transform(move, points) for move, points in placed]),
        )
        fade = border_fade((inner_px, inner_px), _RIM * inner_px)
        laid: list[RgbImage] = [
            paste(crop, square, np.minimum(mask, fade), move)
            for (crop, move), square, mask in zip(pairs, squares, masks, strict=True)
        ]
        return np.stack(laid)
