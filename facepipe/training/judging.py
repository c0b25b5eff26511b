"""Numbers and pictures on faces never trained on."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from facepipe.training.generator import Drawing, joined_drawings
from facepipe.training.losses import Batch, composed, loss_parts
from facepipe.training.settings import TrainingSettings

SHOWN = 4
"""Rows of a preview."""


def draw_all(network: nn.Module, batch: Batch, size: int = 8) -> Drawing:
    """The network's faces for a batch of any length, `size` at a time, without gradients."""
    with torch.no_grad():
        starts = range(0, len(batch.target), size)
        parts = [slice(start, start + size) for start in starts]
        drawn = [network(batch.target[part], batch.source[part]) for part in parts]
        return joined_drawings(drawn)


def held_out_numbers(
    drawing: Drawing, batch: Batch, settings: TrainingSettings
) -> dict[str, float]:
    """How near the drawn faces are to the wanted ones, and how far from leaving all as it was.

    The terms of `loss_parts` as in training; `psnr_db` over the weighted pixels; `change`, the
    mean absolute difference to the target there: 0 for the identity function.
    """
    parts: Mapping[str, Tensor] = loss_parts(drawing, batch, settings)
    total = batch.weight.mean() * batch.target.numel()
    off = (composed(drawing, batch) - batch.wanted) ** 2
    squared = float((off * batch.weight).sum() / total)
    numbers = {name: float(value) for name, value in parts.items()}
    return {
        **numbers,
        "psnr_db": -10 * math.log10(max(squared, 1e-10)),
        "change": change(drawing.rgb, batch),
    }


def change(drawn: Tensor, batch: Batch) -> float:
    """Mean absolute difference of drawn faces `(N, 3, H, W)` to the target's, where they count."""
    off = (drawn - batch.target).abs() * batch.weight
    return float(off.sum() / (batch.weight.mean() * batch.target.numel()))
