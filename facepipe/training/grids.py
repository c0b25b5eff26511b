"""Preview pictures: rows of faces, side by side."""

import numpy as np
from torch import Tensor

from facepipe.arrays import RgbImage, RgbImages


def grid(columns: list[Tensor]) -> RgbImage:
    """Columns of pictures `(N, 3, S, S)` in 0..1 as one picture, a row per face."""
    rows = [np.concatenate(row, axis=1) for row in zip(*map(pictures, columns), strict=True)]
    return np.concatenate(rows, axis=0)


def pictures(tensor: Tensor) -> RgbImages:
    """Pictures `(N, 3, H, W)` in 0..1 as `(N, H, W, 3)` uint8."""
    scaled = (tensor.detach().float().cpu().clamp(0, 1) * 255).round()
    return scaled.permute(0, 2, 3, 1).numpy().astype(np.uint8)
