"""Read still pictures of every common kind as upright 8-bit RGB: the room's only door to Pillow."""

import struct
import warnings
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from facepipe.arrays import RgbImage
from facepipe.errors import MediaError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
BACKGROUND_RGB = (128, 128, 128)
"""What shows where a picture is transparent: mid grey, which darkens and brightens least."""
_EXIF_ORIENTATION = 0x0112
_EXIF_TURN_DEG = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_SIDEWAYS = {5, 6, 7, 8}
# What Pillow raises on damaged files, besides OSError: each was met on truncated or altered bytes.
_DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError,
    EOFError, struct.error, zlib.error,
)  # fmt: skip


def is_picture(path: Path) -> bool:
    """Whether the file's first bytes are those of a picture format facepipe reads."""
    try:
        with _opened(path):
            return True
    except UnidentifiedImageError:
        return False


def picture_size(path: Path) -> tuple[int, int, int]:
    """Width and height as shown, and the clockwise turn in degrees that the file asks for.

    Raises:
        MediaError: The picture is damaged or larger than the pixel limit.
    """
    with _opened(path) as image, _damage(path):
        orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
        width, height = image.size
    shown = (height, width) if orientation in _SIDEWAYS else (width, height)
    return *shown, _EXIF_TURN_DEG.get(orientation, 0)


def read_picture(path: Path) -> RgbImage:
    """The picture (of several, the first) as `(H, W, 3)` RGB, turned as its EXIF says.

    Sixteen bits keep their upper eight, grey and CMYK become RGB, transparency shows mid grey.

    Raises:
        MediaError: The picture is damaged, or larger than the pixel limit.
    """
    with _opened(path) as image, _damage(path):
        image.load()
        return np.asarray(_flattened(_eight_bit(ImageOps.exif_transpose(image))), np.uint8)


@contextmanager
def _opened(path: Path) -> Generator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(path, formats=FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise MediaError(
                f"{path}: the picture has more pixels than the {Image.MAX_IMAGE_PIXELS} allowed; "
                f"scale it down"
            ) from error
        except UnidentifiedImageError:
            raise
        except _DAMAGE as error:
            raise _damaged(path, error) from error
        with image:
            yield image


@contextmanager
def _damage(path: Path) -> Generator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> MediaError:
    cause = (str(error) or type(error).__name__).splitlines()[0]
    return MediaError(f"{path}: the picture is damaged ({cause}); needed is a whole file")


def _eight_bit(image: Image.Image) -> Image.Image:
    if not image.mode.startswith("I"):
        return image
    levels = np.asarray(image)
    return Image.fromarray(np.clip(levels >> 8, 0, 255).astype(np.uint8))


def _flattened(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    pixels = image.convert("RGBA")
    background = Image.new("RGBA", image.size, (*BACKGROUND_RGB, 255))
    return Image.alpha_composite(background, pixels).convert("RGB")
