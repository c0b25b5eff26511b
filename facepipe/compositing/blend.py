"""Put a face back into its frame; outside the mask the frame keeps every bit."""

from collections.abc import Callable

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage, check_shape
from facepipe.landmarks.alignment import cut

_TILE_PX = 32
Mixer = Callable[[RgbImage, RgbImage, FloatArray], RgbImage]
"""What is below and above, `(H, W, 3)`, and how much of the upper is shown, `(H, W)`, as one."""


def mix(below_rgb: RgbImage, above_rgb: RgbImage, mask: FloatArray) -> RgbImage:
    """`above` where the mask is 1, `below` bit for bit where it is 0; all `(H, W[, 3])`."""
    return np.asarray(cv2.blendLinear(below_rgb, above_rgb, 1 - mask, mask), np.uint8)


def paste(
    frame_rgb: RgbImage,
    face_rgb: RgbImage,
    mask: FloatArray,
    transform: FloatArray,
    mixer: Mixer = mix,
) -> RgbImage:
    """A copy of the frame with the face laid over it; only the face's own rectangle is computed.

    Args:
        frame_rgb: `(H, W, 3)`.
        face_rgb: `(S, S, 3)` the square that `transform` cut, redrawn.
        mask: `(S, S)` 0 to 1: how much of the face is shown.
        transform: `(2, 3)` from frame pixels to pixels of the square.
        mixer: puts one over the other, in pixels of the frame.
    """
    check_shape(face_rgb, (*mask.shape, 3), name="face_rgb")
    pasted = frame_rgb.copy()
    rows, columns = region_of_interest(mask, transform, (frame_rgb.shape[1], frame_rgb.shape[0]))
    if rows.stop > rows.start and columns.stop > columns.start:
        size_wh = (columns.stop - columns.start, rows.stop - rows.start)
        to_square = shifted(transform, columns.start, rows.start)
        here = frame_rgb[rows, columns]
        pasted[rows, columns] = mixer(
            here,
            uncut(face_rgb, to_square, size_wh),
            uncut_mask(mask, to_square, size_wh),
        )
    return pasted


def cut_square(frame_rgb: RgbImage, transform: FloatArray, size_px: int) -> RgbImage:
    """As `landmarks.alignment.cut`, but looks only at the part of the frame that it needs.

    Reducing a whole frame for a small face costs more than all the rest.
    """
    everywhere = np.ones((size_px, size_px), np.float32)
    frame_wh = (frame_rgb.shape[1], frame_rgb.shape[0])
    rows, columns = region_of_interest(everywhere, transform, frame_wh)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return cut(frame_rgb, transform, size_px)
    part = tuple(_whole_tiles(side) for side in (rows, columns))
    transform = shifted(transform, part[1].start, part[0].start)
    return cut(frame_rgb[part], transform, size_px)


def _whole_tiles(side: slice) -> slice:
    """Widened by a tile at both ends: halvings then fall on the same pixels as in the frame."""
    first, last = side.start // _TILE_PX - 1, -(-side.stop // _TILE_PX) + 1
    return slice(max(0, first) * _TILE_PX, last * _TILE_PX)


def region_of_interest(
    mask: FloatArray, transform: FloatArray, size_wh: tuple[int, int]
) -> tuple[slice, slice]:
    """Rows and columns of the frame that a mask `(S, S)` reaches; empty slices where none."""
    touched = np.argwhere(mask > 0)
    if not len(touched):
        return slice(0, 0), slice(0, 0)
    (top, left), (bottom, right) = touched.min(0) - 1, touched.max(0) + 1
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    inverse = cv2.invertAffineTransform(transform)
    at = corners @ inverse[:, :2].T + inverse[:, 2]
    first = np.clip(np.floor(at.min(0)).astype(int), 0, size_wh)
    last = np.clip(np.ceil(at.max(0)).astype(int) + 1, 0, size_wh)
    return slice(int(first[1]), int(last[1])), slice(int(first[0]), int(last[0]))


def shifted(transform: FloatArray, x_px: float, y_px: float) -> FloatArray:
    """The same transform for a frame whose origin lies at `(x_px, y_px)` of the old one."""
    moved = transform.astype(np.float64)
    moved[:, 2] += moved[:, :2] @ np.array([x_px, y_px])
    return moved.astype(np.float32)


def uncut(square_rgb: RgbImage, transform: FloatArray, size_wh: tuple[int, int]) -> RgbImage:
    """The picture `(H, W, 3)` in which `transform` would cut this square; its edge is repeated."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    drawn = cv2.warpAffine(
        square_rgb, transform, size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(drawn, np.uint8)


def uncut_mask(mask: FloatArray, transform: FloatArray, size_wh: tuple[int, int]) -> FloatArray:
    """The mask `(H, W)` from which `transform` would cut this square one; 0 beyond it."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(mask, transform, size_wh, flags=flags), np.float32)
