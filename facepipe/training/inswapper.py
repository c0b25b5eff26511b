"""The inswapper generator: a face and an embedding in, that person with this face's pose out.

The layout of InsightFace's inswapper_128, so that weights in it can be trained on and handed back.
All it knows of a person comes through the embedding; it paints every pixel itself.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.generator import EMBEDDING, Drawing

SLOPE = 0.2
"""Of the leaky activations."""


@dataclass(frozen=True)
class InswapperSettings:
    """How large the generator is; inswapper_128 itself has the defaults, 138 M parameters.

    Attributes:
        width: channels at the full side; the bottleneck, at a quarter, has 8 times as many.
        blocks: residual blocks at the bottleneck, where the embedding enters.
        epsilon: added to a channel's variance before its root divides the channel.
        pixels: side of the squares it draws.
    """

    width: int = 128
    blocks: int = 6
    epsilon: float = 1e-8
    pixels: int = NETWORK_PX


class Inswapper(nn.Module):
    """Encodes a face to a quarter of the side, restyles it by the embedding, paints it anew.

    Input: target `(N, 3, S, S)` RGB in 0..1, source `(N, 512)` of unit norm, before the map: the
    map and the norm after it, which readers of the exported file apply, are applied here too.
    """

    emap: Tensor
    """`(512, 512)` what embeddings are multiplied by before the network sees them."""

    def __init__(self, settings: InswapperSettings) -> None:
        super().__init__()
        width, self.pixels = settings.width, settings.pixels
        self.down = nn.Sequential(
            nn.ReflectionPad2d(3),
            *_activated(nn.Conv2d(3, width, 7)),
            *_activated(nn.Conv2d(width, 2 * width, 3, padding=1)),
            *_activated(nn.Conv2d(2 * width, 4 * width, 3, 2, padding=1)),
            *_activated(nn.Conv2d(4 * width, 8 * width, 3, 2, padding=1)),
        )
        self.blocks = nn.ModuleList(
            [RestyledBlock(8 * width, settings.epsilon) for _ in range(settings.blocks)]
        )
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_activated(nn.Conv2d(8 * width, 4 * width, 3, padding=1)),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_activated(nn.Conv2d(4 * width, 2 * width, 3, padding=1)),
            *_activated(nn.Conv2d(2 * width, width, 3, padding=1)),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
            nn.Tanh(),
        )
        self.register_buffer("emap", torch.eye(EMBEDDING))

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The layers that end in pictures."""
        return (self.up[-2],)

    def latent(self, source: Tensor) -> Tensor:
        """Embeddings `(N, 512)` as the styles see them: mapped, of unit norm."""
        # readers map in float32, which half precision would not come near
        with torch.autocast(source.device.type, enabled=False):
            return nn.functional.normalize(source.float() @ self.emap)

    def forward(self, target: Tensor, source: Tensor) -> Drawing:
        """The swapped faces; they are drawn everywhere, and nothing is looked up."""
        features, latent = self.down(target), self.latent(source)
        for block in self.blocks:
            features = block(features, latent)
        rgb = (self.up(features) + 1) / 2
        return Drawing(rgb, rgb, torch.ones_like(rgb[:, :1]), None)


class RestyledBlock(nn.Module):
    """Two convolutions, each normalised and then scaled and shifted by the embedding; residual."""

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
        self.first_style = Restyle(channels, epsilon)
        self.second = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3))
        self.second_style = Restyle(channels, epsilon)

    def forward(self, features: Tensor, latent: Tensor) -> Tensor:
        """`(N, C, H, W)` features and `(N, 512)` latents to features of the same shape."""
        inner = torch.relu(self.first_style(self.first(features), latent))
        return features + self.second_style(self.second(inner), latent)


class Restyle(nn.Module):
    """Each channel to mean 0 and deviation 1, then times a scale and plus a shift.

    `ask` gives the scales of all channels and then the shifts.
    """

    def __init__(self, channels: int, epsilon: float) -> None:
        super().__init__()
        self.epsilon = epsilon
        self.ask = nn.Linear(EMBEDDING, 2 * channels)
        with torch.no_grad():
            # a unit vector's 512 entries are about 0.04; at first styles would hardly differ
            self.ask.weight.mul_(math.sqrt(EMBEDDING))
            self.ask.bias.zero_()
            self.ask.bias[:channels] = 1

    def forward(self, features: Tensor, latent: Tensor) -> Tensor:
        """`(N, C, H, W)` features and `(N, 512)` latents to features of the same shape."""
        scale, shift = self.ask(latent)[..., None, None].chunk(2, dim=1)
        centred = features - features.mean((2, 3), keepdim=True)
        # squares overflow in half precision, and the epsilon vanishes
        variance = (centred.float() ** 2).mean((2, 3), keepdim=True)
        return centred * torch.rsqrt(variance + self.epsilon).to(centred.dtype) * scale + shift


def _activated(layer: nn.Conv2d) -> tuple[nn.Module, nn.Module]:
    return layer, nn.LeakyReLU(SLOPE)


def empty_inswapper(settings: InswapperSettings) -> Inswapper:
    """One on the CPU that waits for its weights: random ones for the full size take seconds."""
    with torch.device("meta"):
        network = Inswapper(settings)
    return network.to_empty(device="cpu")
