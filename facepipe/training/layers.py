"""What the compact generator is built of."""

import torch
from torch import Tensor, nn
from torch.nn import functional

EMBEDDING = 512
NORM_EPSILON = 1e-5


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


def enlarged(features: Tensor, factor: int) -> Tensor:
    """Pictures `(N, C, H, W)` bilinearly enlarged."""
    return functional.interpolate(features, scale_factor=factor, mode="bilinear")


def quiet(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer starting near 0: what is usual and the textures as they are, before it learns."""
    with torch.no_grad():
        layer.weight.mul_(0.1)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


def convolved(before: int, after: int) -> nn.Sequential:
    """A convolution at the same side."""
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.1))


def halved(before: int, after: int) -> nn.Sequential:
    """A convolution to half the side."""
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.1))


def doubled(before: int, after: int) -> nn.Sequential:
    """A convolution to twice the side."""
    return nn.Sequential(
        nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(0.1)
    )
