"""The network that tells a visible face from what is before and beside it: a U-Net.

Its encoder is laid out like ResNet-34 (He et al. 2016, arXiv 1512.03385): a 7 x 7 convolution,
then 3, 4, 6 and 3 basic blocks, each stage at half the size and twice the width of the one before;
64 channels at first make it ResNet-34 itself. Groups of channels are normalised within each
picture (Wu and He 2018, arXiv 1803.08494), so that nothing is kept between batches that a weight
file or a training state could lack.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from facepipe.errors import SettingsError

BLOCKS = (3, 4, 6, 3)
GROUP = 8
"""Channels that are normalised together."""


@dataclass(frozen=True)
class OccluderShape:
    """How large the network is.

    Attributes:
        pixels: side of the squares it works on, a multiple of 32.
        width: channels of the first stage, a multiple of 8.
        blocks: of each stage.
    """

    pixels: int = 128
    width: int = 16
    blocks: tuple[int, ...] = BLOCKS

    def __post_init__(self) -> None:
        if self.width < GROUP or self.width % GROUP:
            raise SettingsError(f"width is {self.width}; a multiple of {GROUP} is needed")
        if self.pixels < 32 or self.pixels % 32:
            raise SettingsError(f"pixels is {self.pixels}; a multiple of 32 is needed")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(self.width * 2**stage for stage in range(len(self.blocks)))


class Normed(nn.Module):
    """A convolution without bias, and the norm after it."""

    def __init__(self, before: int, after: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.GroupNorm(after // GROUP, after)

    def forward(self, features: Tensor) -> Tensor:
        """Features of `after` channels."""
        return self.norm(self.conv(features))


class BasicBlock(nn.Module):
    """Two normed convolutions, added to what came in."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = Normed(before, after, 3, stride)
        self.second = Normed(after, after)
        self.past = Normed(before, after, 1, stride) if stride > 1 or before != after else None
        nn.init.zeros_(self.second.norm.weight)  # a block begins by changing nothing

    def forward(self, features: Tensor) -> Tensor:
        """Features of `after` channels, above 0."""
        inner = self.second(self.first(features).relu())
        past = features if self.past is None else self.past(features)
        return (inner + past).relu()


class Joining(nn.Module):
    """Coarse features enlarged, joined with finer ones of the encoder, and mixed."""

    def __init__(self, coarse: int, fine: int, after: int) -> None:
        super().__init__()
        self.mix = Normed(coarse + fine, after)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """Features of the finer size."""
        larger = interpolate(coarse, scale_factor=2.0, mode="bilinear")
        return self.mix(torch.cat([larger, fine], 1)).relu()


class OccluderNetwork(nn.Module):
    """Faces `(N, 3, S, S)`, RGB in 0..1, to logits `(N, 1, S, S)`: above 0 where a face shows.

    `S` is the shape's `pixels`. What it gives are logits; a sigmoid belongs to whoever wants
    shares, once (WatserFace's XSeg trainer applies it twice, and learns from flattened slopes).
    """

    def __init__(self, shape: OccluderShape) -> None:
        super().__init__()
        self.shape, widths = shape, shape.widths
        self.stem = Normed(3, shape.width, 7, 2)
        stages: list[nn.Module] = []
        for place, (before, after) in enumerate(pairwise((shape.width, *widths))):
            strides = [2 if place else 1, *[1] * (shape.blocks[place] - 1)]
            entering = [before, *[after] * (shape.blocks[place] - 1)]
            stages.append(
                nn.Sequential(
                    *(BasicBlock(a, after, s) for a, s in zip(entering, strides, strict=True))
                )
            )
        self.stages = nn.ModuleList(stages)
        fine = [shape.width, *widths[:-1]]
        self.joinings = nn.ModuleList(
            Joining(coarse, into, into)
            for coarse, into in zip(reversed(widths), reversed(fine), strict=True)
        )
        self.last = nn.Conv2d(shape.width, 4, 3, 1, 1)
        self.finer = nn.PixelShuffle(2)

    def forward(self, rgb: Tensor) -> Tensor:
        """See the class."""
        features = self.stem(rgb * 4 - 2).relu()
        known = [features]
        features = nn.functional.max_pool2d(features, 2)
        for stage in self.stages:
            features = stage(features)
            known.append(features)
        features = known.pop()
        for joining in self.joinings:
            features = joining(features, known.pop())
        return self.finer(self.last(features))


def seeded_occluder(shape: OccluderShape, seed: int) -> OccluderNetwork:
    """A network with random weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return OccluderNetwork(shape)
