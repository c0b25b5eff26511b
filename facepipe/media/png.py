"""Write pictures as PNG."""

from pathlib import Path

import cv2

from facepipe.arrays import RgbImage
from facepipe.errors import StorageError
from facepipe.files import write_whole


def save_png(path: Path, picture: RgbImage) -> None:
    """Write a picture as PNG, whole; the same picture gives the same bytes.

    Not by `cv2.imwrite`, which does not say that there is no room.

    Raises:
        StorageError: It cannot be encoded, or not be written.
    """
    done, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise StorageError(f"{path}: a picture of shape {picture.shape} cannot be a PNG")
    write_whole(path, encoded.tobytes())
