"""The compact generator: a face and an embedding in, that person with this face's pose out."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

EMBEDDING = 512
NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class GeneratorSettings:
    """How large the generator is.

    Attributes:
        width: channels at full resolution; the bottleneck has 8 times as many.
        blocks: residual blocks at the bottleneck, where all styling happens.
    """

    width: int = 24
    blocks: int = 4


class Generator(nn.Module):
    """Encoder to an eighth of the side, styled residual blocks, pixel-shuffle decoder.

    The embedding enters only through the blocks' scales and shifts (AdaIN, Huang and Belongie
    2017). Nothing by-passes the blocks: a skip from the encoder would carry the target's own
    eyes and mouth straight to the output.

    Input: target `(N, 3, S, S)` RGB in 0..1, source `(N, 512)` of unit norm. Output: as target.
    """

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        width = settings.width
        self.channels = 8 * width
        self.encoder = nn.Sequential(
            _conv(3, width, 7),
            _down(width, 2 * width),
            _down(2 * width, 4 * width),
            _down(4 * width, 8 * width),
        )
        self.blocks = nn.ModuleList([StyledBlock(8 * width) for _ in range(settings.blocks)])
        self.decoder = nn.Sequential(
            _up(8 * width, 4 * width), _up(4 * width, 2 * width), _up(2 * width, width)
        )
        self.paint = nn.Conv2d(width, 3, 7, padding=3)
        with torch.no_grad():
            # outputs start at mid grey, where the sigmoid's slope is steepest
            self.paint.weight.mul_(0.1)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """The swapped faces, `(N, 3, S, S)` in 0..1."""
        # a unit vector's 512 entries are about 0.04; layers expect about 1
        style = source * math.sqrt(EMBEDDING)
        features = self.encoder(target * 2 - 1)
        for block in self.blocks:
            features = block(features, style)
        return torch.sigmoid(self.paint(self.decoder(features)))


class StyledBlock(nn.Module):
    """Two convolutions, each normalised and then scaled and shifted by the embedding; residual."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.first_style = Style(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.second_style = Style(channels)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """`(N, C, H, W)` features and `(N, 512)` style to features of the same shape."""
        inner = torch.relu(self.first_style(self.first(features), style))
        return features + self.second_style(self.second(inner), style)


class Style(nn.Module):
    """Adaptive instance normalisation: each channel to mean 0, deviation 1, then as asked for."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ask = nn.Linear(EMBEDDING, 2 * channels)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """`(N, C, H, W)` features and `(N, 512)` style to features of the same shape."""
        scale, shift = self.ask(style)[..., None, None].chunk(2, dim=1)
        centred = features - features.mean((2, 3), keepdim=True)
        deviation = torch.sqrt((centred * centred).mean((2, 3), keepdim=True) + NORM_EPSILON)
        return centred / deviation * (1 + scale) + shift


def _conv(before: int, after: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.LeakyReLU(0.1))


def _down(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.1))


def _up(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(0.1)
    )
