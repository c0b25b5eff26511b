"""Blend two pictures band by band: fine detail changes over quickly, broad colours slowly.

Burt and Adelson (1983), on Laplacian pyramids.
"""

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage

BANDS = 5
"""Each band is twice as coarse as the one before; the last is all that remains."""


def mix_bands(below_rgb: RgbImage, above_rgb: RgbImage, mask: FloatArray) -> RgbImage:
    """`above` where the mask is 1, `below` bit for bit where it is 0; all `(H, W[, 3])`.

    In between, the broader something is, the wider is the band over which it changes.
    """
    deep = np.clip(2 * mask - 1, 0, 1, dtype=np.float32)
    below, above = below_rgb.astype(np.float32), above_rgb.astype(np.float32)
    levels = _levels(below.shape[:2])
    mixed = _mixed(below, above, deep, levels)
    # broad bands reach further than the mask, which nothing may
    inside = np.clip(2 * mask, 0, 1, dtype=np.float32)
    bands_rgb = np.clip(mixed, 0, 255).round().astype(np.uint8)
    return np.asarray(cv2.blendLinear(below_rgb, bands_rgb, 1 - inside, inside), np.uint8)


def _levels(shape: tuple[int, int]) -> int:
    return max(1, min(BANDS, int(np.log2(max(min(shape), 2)))))


def _mixed(below: FloatArray, above: FloatArray, mask: FloatArray, levels: int) -> FloatArray:
    """One band mixed here, the rest in pictures of half the size."""
    if levels == 1:
        return _crossed(below, above, mask)
    coarse_below, coarse_above, coarse_mask = (_half(p) for p in (below, above, mask))
    fine_below, fine_above = (
        np.subtract(fine, _doubled(coarse, fine), dtype=np.float32)
        for fine, coarse in ((below, coarse_below), (above, coarse_above))
    )
    broad = _mixed(coarse_below, coarse_above, coarse_mask, levels - 1)
    fine = _crossed(fine_below, fine_above, mask)
    return np.add(fine, _doubled(broad, fine), dtype=np.float32)


def _crossed(below: FloatArray, above: FloatArray, mask: FloatArray) -> FloatArray:
    return np.add(below, (above - below) * mask[..., None], dtype=np.float32)


def _half(picture: FloatArray) -> FloatArray:
    return np.asarray(cv2.pyrDown(picture), np.float32)


def _doubled(coarse: FloatArray, like: FloatArray) -> FloatArray:
    return np.asarray(cv2.pyrUp(coarse, dstsize=(like.shape[1], like.shape[0])), np.float32)
