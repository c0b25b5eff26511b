"""How far a drawn face is from the wanted one."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from facepipe.training.generator import Drawing
from facepipe.training.settings import TrainingSettings

_BOX = 7
_FAR_PX = 20.0
_LEAST = 1e-6  # keeps logarithms finite; a clamp would take the slope of what it clamps
_STEP = 2  # neighbouring boxes share most of their pixels; a quarter of them costs a quarter


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Attributes:
        target: `(N, 3, S, S)` faces to draw over, RGB in 0..1.
        source: `(N, 512)` whose face to draw, unit norm.
        wanted: `(N, 3, S, S)` what should come out where `believed` is above 0.
        believed: `(N, 1, S, S)` 0..1, where a face should be drawn.
        attention: `(N, 1, S, S)` how much each pixel counts, 1 or more.
        lookup: `(N, 3, S, S)` where in the textures it lies: x, y, known or not; in pixels as
            if `S` were 128, like all distances here.
    """

    target: Tensor
    source: Tensor
    wanted: Tensor
    believed: Tensor
    attention: Tensor
    lookup: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the network is called with."""
        return self.target, self.source

    @property
    def weight(self) -> Tensor:
        """`(N, 1, 128, 128)` how much each pixel of the face counts."""
        return self.believed * self.attention

    @property
    def drawn(self) -> Tensor:
        """`(N,)` true for faces over which anything should be drawn."""
        return self.believed.amax((1, 2, 3)) > 0


def attention(features: Tensor, settings: TrainingSettings) -> Tensor:
    """How much each pixel counts, `(N, 1, H, W)`, from eyes and mouth `(N, 2, H, W)` in 0..1."""
    eyes, mouth = features[:, :1], features[:, 1:]
    return (settings.eyes * eyes).add_(mouth, alpha=settings.mouth).add_(1)


def composed(drawing: Drawing, batch: Batch) -> Tensor:
    """The drawn faces where they should be, and what is wanted elsewhere, `(N, 3, H, W)`.

    Judging the face alone, whatever the mask, leaves no reward for handing on what was given.
    """
    return batch.wanted + batch.believed * (drawing.face - batch.wanted)


def shown_faces(drawing: Drawing, batch: Batch) -> Tensor:
    """The same as a screen shows them, kept in 0..1: what others than this module look at."""
    return composed(drawing.floats(), batch).clamp(0, 1)


def loss_parts(drawing: Drawing, batch: Batch, settings: TrainingSettings) -> dict[str, Tensor]:
    """The objective (`loss`) and its terms before weighting, each a scalar.

    `l1` and `ssim` over the face, each face counting the same however large it is. Of a network
    that looks faces up, also `lookup_px`, how far off the lookups are, and `mask`, the mean
    divergence of mask and belief.
    """
    drawing = drawing.floats()
    shown = composed(drawing, batch)
    # faces that are not to be drawn have no weight at all
    share = batch.weight / batch.weight.mean((1, 2, 3), keepdim=True).clamp(min=1e-3)
    attended = batch.attention / batch.attention.mean((1, 2, 3), keepdim=True)
    l1 = ((shown - batch.wanted).abs() * share).mean()
    unlike = ((1 - ssim_map(shown, batch.wanted)) * share[..., ::_STEP, ::_STEP]).mean()
    # what the mask makes of it, so that the drawn face runs out into its surroundings; most of all
    # at a mouth in which the target's own teeth are to be seen: few pixels that all look at
    aim = batch.target + batch.believed * (batch.wanted - batch.target)
    whole = ((drawing.rgb - aim).abs() * attended).mean()
    loss = settings.l1 * (l1 + whole) + settings.ssim * unlike
    found = {"l1": l1, "ssim": 1 - unlike}
    if drawing.lookup is not None:
        lookup = _lookup_px(drawing.lookup, batch)
        mask = (_divergence(drawing.mask, batch.believed) * attended).mean()
        loss = loss + settings.lookup * lookup + settings.mask * mask
        found |= {"lookup_px": lookup, "mask": mask}
    return {"loss": loss, **found}


def _divergence(mask: Tensor, believed: Tensor) -> Tensor:
    """Kullback and Leibler's, of two shares, pixel by pixel; 0 where they are the same.

    A plain difference hardly moves a mask that is sure and wrong, such as over a mouth that should
    stay open: the slope of a sigmoid vanishes there, and this divides by it.
    """
    inside = believed * ((believed + _LEAST) / (mask + _LEAST)).log()
    outside = (1 - believed) * ((1 - believed + _LEAST) / (1 - mask + _LEAST)).log()
    return inside + outside


def _lookup_px(lookup: Tensor, batch: Batch) -> Tensor:
    # at the mesh's rim a lookup is mixed with the nothing beside it
    counted = batch.weight * (batch.lookup[:, 2:] > 0.999)
    # a cheek turned away is drawn from far off, and no network finds it: it must not rule
    far = (lookup - batch.lookup[:, :2]).abs().clamp(max=_FAR_PX)
    each = (far * counted).sum((1, 2, 3)) / (2 * counted.sum((1, 2, 3))).clamp(min=1)
    return each.mean()


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
