"""Array types, and the one shape check used at every room's door."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facepipe.errors import ShapeError

BoolArray: TypeAlias = NDArray[np.bool_]
FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int32]
RgbImage: TypeAlias = NDArray[np.uint8]
"""`(H, W, 3)` red, green, blue, 0-255."""
RgbImages: TypeAlias = NDArray[np.uint8]
"""`(N, H, W, 3)` red, green, blue, 0-255."""


def check_shape(array: NDArray[Any], shape: tuple[int | str, ...], *, name: str) -> None:
    """Raise `ShapeError` unless `array` has `shape`; strings name axes of free length.

    >>> check_shape(np.zeros((5, 2)), ("N", 2), name="points")
    >>> check_shape(np.zeros((5, 3)), ("N", 2), name="points")
    Traceback (most recent call last):
    facepipe.errors.ShapeError: points must have shape (N, 2), got (5, 3)
    """
    fits = array.ndim == len(shape) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        expected = ", ".join(str(axis) for axis in shape)
        raise ShapeError(f"{name} must have shape ({expected}), got {array.shape}")
