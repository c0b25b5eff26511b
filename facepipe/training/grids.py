"""Preview pictures: rows of faces, side by side."""

from pathlib import Path

import cv2
import numpy as np
from torch import Tensor

from facepipe.arrays import RgbImage, RgbImages
from facepipe.errors import StorageError
from facepipe.files import write_whole


def grid(columns: list[Tensor]) -> RgbImage:
    """Columns of pictures `(N, 3, S, S)` in 0..1 as one picture, a row per face."""
    rows = [np.concatenate(row, axis=1) for row in zip(*map(pictures, columns), strict=True)]
    return np.concatenate(rows, axis=0)


def save_png(path: Path, picture: RgbImage) -> None:
    """Write a picture as PNG, whole.

    Raises:
        StorageError: It cannot be encoded, or not be written.
    """
    done, encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise StorageError(f"{path}: a picture of shape {picture.shape} cannot be a PNG")
    write_whole(path, encoded.tobytes())


def pictures(tensor: Tensor) -> RgbImages:
    """Pictures `(N, 3, H, W)` in 0..1 as `(N, H, W, 3)` uint8."""
    scaled = (tensor.detach().float().cpu().clamp(0, 1) * 255).round()
    return scaled.permute(0, 2, 3, 1).numpy().astype(np.uint8)
