"""How far a drawn face is from the wanted one."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from facepipe.training.settings import TrainingSettings

_BOX = 7
_STEP = 2  # neighbouring boxes share most of their pixels; a quarter of them costs a quarter


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        target: `(N, 3, 128, 128)` faces to draw over, RGB in 0..1.
        source: `(N, 512)` whose face to draw, unit norm.
        wanted: `(N, 3, 128, 128)` what should come out.
        weight: `(N, 1, 128, 128)` how much each pixel counts.
    """

    target: Tensor
    source: Tensor
    wanted: Tensor
    weight: Tensor


def pixel_weight(regions: Tensor, settings: TrainingSettings) -> Tensor:
    """`(N, 1, H, W)` from face, eyes and mouth `(N, 3, H, W)` in 0..1."""
    face, eyes, mouth = regions[:, :1], regions[:, 1:2], regions[:, 2:]
    inside = settings.outside + (1 - settings.outside) * face
    return inside + face * (settings.eyes * eyes + settings.mouth * mouth)


def loss_parts(drawn: Tensor, batch: Batch, settings: TrainingSettings) -> dict[str, Tensor]:
    """The objective (`loss`) and its terms before weighting (`l1`, `ssim`), each a scalar.

    Each face counts the same however large its mask is.
    """
    share = batch.weight / batch.weight.mean((1, 2, 3), keepdim=True)
    l1 = ((drawn - batch.wanted).abs() * share).mean()
    unlike = ((1 - ssim_map(drawn, batch.wanted)) * share[..., ::_STEP, ::_STEP]).mean()
    return {"loss": settings.l1 * l1 + settings.ssim * unlike, "l1": l1, "ssim": 1 - unlike}


def ssim_map(one: Tensor, other: Tensor) -> Tensor:
    """Structural similarity at every second pixel of `(N, C, H, W)` in 0..1.

    Wang et al. 2004 with a box of 7 px in place of a Gaussian; `(N, C, H / 2, W / 2)`.
    """
    stacked = torch.cat([one, other, one * one, other * other, one * other])
    mean = functional.avg_pool2d(stacked, _BOX, _STEP, _BOX // 2, count_include_pad=False).chunk(5)
    m1, m2, square1, square2, product = mean
    v1, v2, covariance = square1 - m1 * m1, square2 - m2 * m2, product - m1 * m2
    light = (2 * m1 * m2 + 1e-4) / (m1 * m1 + m2 * m2 + 1e-4)
    return light * (2 * covariance + 9e-4) / (v1 + v2 + 9e-4)
