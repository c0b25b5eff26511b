"""How far a network's visible face is from the known one."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from facepipe.training.occluder_data import FaceLesson

_EDGE_PX = 5


@dataclass(frozen=True)
class Weights:
    """What counts how much beside Dice and half of the cross entropy.

    Attributes:
        boundary: the cross entropy near edges of the visible face.
        before: that inside the face's outline, where what is hidden and what shows count alike: all
            that a swap asks is which is which, and a finger is little of a picture.
    """

    boundary: float = 0.25
    before: float = 0.5


def visible_losses(logits: Tensor, lesson: FaceLesson, weights: Weights) -> dict[str, Tensor]:
    """`loss`, the sum of its terms, and `iou`, a mean over the faces; each a scalar.

    `dice` is 1 - twice the shared over the summed area, `bce` the cross entropy, of which half
    counts, and `edge` and `before` what `weights` says. They take logits; each makes shares of
    them once itself.
    """
    logits, sure = logits.float(), lesson.sure
    wanted = lesson.visible
    every = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    shares = logits.sigmoid() * sure
    known = wanted * sure
    shared, areas = (shares * known).sum((1, 2, 3)), (shares + known).sum((1, 2, 3))
    dice = (1 - (2 * shared + 1) / (areas + 1)).mean()
    bce = _among(every, sure)
    edge = _among(every, edges(wanted) * sure)
    hidden = (lesson.outline - wanted).clamp(min=0) * sure
    before = (_among(every, known * lesson.outline) + _among(every, hidden)) / 2
    return {
        "loss": dice + 0.5 * bce + weights.boundary * edge + weights.before * before,
        "dice": dice,
        "bce": bce,
        "edge": edge,
        "before": before,
        "iou": ious(logits, lesson).mean(),
    }


def _among(every: Tensor, counted: Tensor) -> Tensor:
    return (every * counted).sum() / counted.sum().clamp(min=1)


def edges(visible: Tensor) -> Tensor:
    """`(N, 1, H, W)` 1 within a few pixels of where the visible face `(N, 1, H, W)` ends."""
    most = functional.max_pool2d(visible, _EDGE_PX, 1, _EDGE_PX // 2)
    least = -functional.max_pool2d(-visible, _EDGE_PX, 1, _EDGE_PX // 2)
    return (most - least > 0.5).float()


def ious(logits: Tensor, lesson: FaceLesson) -> Tensor:
    """`(N,)` area shared by the found and the known visible face over that of both together."""
    sure = lesson.sure > 0.5
    found, known = (logits > 0) & sure, (lesson.visible > 0.5) & sure
    both, either = (found & known).sum((1, 2, 3)), (found | known).sum((1, 2, 3))
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)
