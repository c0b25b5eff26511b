"""Array types, and what is checked of arrays at every room's door: shapes, and files of them."""

import math
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from facepipe.errors import BadInputError, ShapeError

_MOST_BYTES = 1 << 30
_MOST_TIMES = 4

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


def read_arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Arrays of an `.npz` that `numpy.savez` wrote, by name; nothing in it is unpickled.

    Raises:
        BadInputError: It is missing or damaged, lacks an array, holds objects, or would take more
            than 1 GiB and four times its own size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.getinfo(f"{name}.npy") for name in names}
            _check_sizes(path, members.values())
            return {name: _array(archive, member) for name, member in members.items()}
    except _DAMAGED as error:
        told = error.strerror if isinstance(error, OSError) else error.args and error.args[0]
        cause = " ".join(str(told or type(error).__name__).split())
        raise BadInputError(
            f"{path}: cannot be read as arrays ({cause}); delete it and make it again"
        ) from error


def _check_sizes(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if total > max(_MOST_BYTES, _MOST_TIMES * path.stat().st_size):
        raise ValueError(f"it would unpack to {total} bytes")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """A member that is as large as its own head says: nothing is made room for before."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADS[version](file)
        if dtype.hasobject or file.tell() + dtype.itemsize * math.prod(shape) != member.file_size:
            raise ValueError(f"{member.filename} is not as large as it says, or holds objects")
    with archive.open(member) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


_HEADS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DAMAGED = (
    OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
