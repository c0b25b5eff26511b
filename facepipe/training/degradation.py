"""Soften and compress some of the faces that are drawn over, as films do.

Faces to learn from are picked for their sharpness; the film to be swapped is compressed and often
out of focus. What is wanted stays sharp, so that softness is nothing a network learns to draw.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.settings import TrainingSettings


def degraded(rgb: Tensor, settings: TrainingSettings, generator: torch.Generator) -> Tensor:
    """Pictures `(N, 3, H, W)` in 0..1 on the CPU, some of them blurred and then JPEG-compressed.

    Which, and how strongly each, is drawn evenly from `generator`; nothing is drawn from it where
    `settings.degraded` is 0. The blur counts in pixels of a square of 128.
    """
    if not settings.degraded:
        return rgb
    drawn = torch.rand(len(rgb), 3, generator=generator, dtype=torch.float64)
    chances: list[tuple[float, float, float]] = drawn.tolist()
    found, blur_px = rgb.clone(), settings.blur_px * rgb.shape[-1] / NETWORK_PX
    for place, (which, soft, rough) in enumerate(chances):
        if which < settings.degraded:
            quality = round(100 - rough * (100 - settings.jpeg_quality))
            found[place] = _compressed(rgb[place], soft * blur_px, quality)
    return found


def _compressed(rgb: Tensor, blur_px: float, quality: int) -> Tensor:
    """A picture `(3, H, W)` blurred by a Gaussian, as a JPEG of some quality gives it back."""
    grades = (rgb * 255).round_().to(torch.uint8)
    bgr = np.ascontiguousarray(grades.flip(0).permute(1, 2, 0).numpy())
    if blur_px > 0:
        bgr = cv2.GaussianBlur(bgr, (0, 0), blur_px)
    _, packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    shown = torch.from_numpy(np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR)))
    return shown.permute(2, 0, 1).flip(0) / 255
