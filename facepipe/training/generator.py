"""The compact generator: a face and an embedding in, that person with this face's pose out.

It holds a few pictures of the person, laid out in one common geometry, and learns where in them
to look each pixel up, how to mix them, in which light, and what they lack. Sharp skin, eyes and
hair of the brows so come from the person's own pictures and need not be learnt; a network that
has to learn them as well takes hours for what this one draws within minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepipe.landmarks.alignment import FACE_PX, NETWORK_PX
from facepipe.training.data import MARGIN_PX, STORED_PX

EMBEDDING = 512
NORM_EPSILON = 1e-5
MESH_POINTS = 514
REACH_PX = 8.0
"""What a lookup's raw output of 1 stands for, so that outputs are about 1."""
CHOICE, EDGE = 3.0, 4.0
"""The same for the choice among textures and for the mask, both before they are squashed."""


@dataclass(frozen=True)
class GeneratorSettings:
    """How large the generator is.

    Attributes:
        width: channels at half the side; the bottleneck, at an eighth, has 4 times as many.
        blocks: residual blocks at the bottleneck, where the embedding enters.
        textures: pictures of the person to look up in.
    """

    width: int = 32
    blocks: int = 3
    textures: int = 6


class Drawing(NamedTuple):
    """What a generator makes of `N` faces.

    Attributes:
        rgb: `(N, 3, S, S)` the face drawn into its square, 0..1.
        face: `(N, 3, S, S)` the drawn face alone; meaningless where `mask` is 0.
        mask: `(N, 1, S, S)` 0..1, where the face is drawn.
        lookup: `(N, 2, S, S)` where in the textures each pixel was looked up: x and y in pixels
            of a stored square (160 px). None of a network that looks nothing up: it paints the
            whole square, so that its mask is 1.
    """

    rgb: Tensor
    face: Tensor
    mask: Tensor
    lookup: Tensor | None

    def floats(self) -> "Drawing":
        """The same in float32."""
        lookup = None if self.lookup is None else self.lookup.float()
        return Drawing(self.rgb.float(), self.face.float(), self.mask.float(), lookup)


def joined_drawings(parts: Sequence[Drawing]) -> Drawing:
    """The drawings of several batches, by one network, as those of one batch."""
    lookups = [part.lookup for part in parts if part.lookup is not None]
    return Drawing(
        rgb=torch.cat([part.rgb for part in parts]),
        face=torch.cat([part.face for part in parts]),
        mask=torch.cat([part.mask for part in parts]),
        lookup=torch.cat(lookups) if lookups else None,
    )


class Generator(nn.Module):
    """Looks a face up in a person's textures, where a network tells it to.

    An encoder to an eighth of the side and residual blocks styled by the embedding (AdaIN, Huang
    and Belongie 2017) feed two decoders. One sees the encoder's finer features and says where each
    pixel lies on the face, which texture to take and where the face ends. The other does not,
    since it could copy the given person's eyes and mouth from them: it says in which light the
    face is and paints what the textures lack.

    Input: target `(N, 3, S, S)` RGB in 0..1, source `(N, 512)` of unit norm.
    """

    textures: Tensor
    """`(K, 3, 320, 320)` uint8, the person's pictures, each in the geometry of `mesh`."""
    mesh: Tensor
    """`(514, 3)` the person's average face mesh, in pixels of a stored square (160 px)."""
    here: Tensor
    """`(1, 2, S, S)` each pixel's own place in a stored square."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        width, count = settings.width, settings.textures
        inner = 4 * width
        self.count = count
        self.stem = _down(3, width)
        self.down = nn.ModuleList([_down(width, 2 * width), _down(2 * width, inner)])
        # convolutions do not know where they are; eyes and mouths are nearly always in one place
        self.place = nn.Parameter(0.02 * torch.randn(1, inner, NETWORK_PX // 8, NETWORK_PX // 8))
        self.blocks = nn.ModuleList([StyledBlock(inner) for _ in range(settings.blocks)])
        self.finer = nn.ModuleList([_up(inner, 3 * width // 2), _up(2 * width, width)])
        self.joined = nn.ModuleList(
            [_conv(3 * width // 2 + 2 * width, 2 * width), _conv(2 * width, width)]
        )
        self.geometry = _quiet(nn.Conv2d(width, 2 + count + 1, 3, padding=1))
        half = NETWORK_PX // 2
        self.usual = nn.Parameter(torch.zeros(1, 2 + count + 1, half, half))
        self.paint = nn.Sequential(_up(inner, 2 * width), _up(2 * width, width))
        self.colour = _quiet(nn.Conv2d(width, 6 + 12, 3, padding=1))
        self.register_buffer(
            "textures", torch.full((count, 3, FACE_PX, FACE_PX), 128, dtype=torch.uint8)
        )
        self.register_buffer("mesh", torch.zeros(MESH_POINTS, 3))
        axis = torch.arange(NETWORK_PX, dtype=torch.float32) + MARGIN_PX
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("here", torch.stack([x, y])[None], persistent=False)

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The layers that end in pictures."""
        return (self.geometry, self.colour)

    def furnish(self, textures: Tensor, mesh: Tensor, lookup: Tensor, mask: Tensor) -> None:
        """Give it a person's pictures, and what is usual as a start.

        `lookup` `(2, S, S)` and `mask` `(1, S, S)` are the person's average.
        """
        self.textures.copy_(textures)
        self.mesh.copy_(mesh)
        offset = (lookup - self.here[0]) / REACH_PX
        believed = torch.logit(mask.clamp(0.02, 0.98)) / EDGE
        with torch.no_grad():
            self.usual[0, :2] = functional.avg_pool2d(offset, 2)
            self.usual[0, -1:] = functional.avg_pool2d(believed, 2)

    def forward(self, target: Tensor, source: Tensor) -> Drawing:
        """The swapped faces and what they were made of."""
        # a unit vector's 512 entries are about 0.04; layers expect about 1
        style = source * math.sqrt(EMBEDDING)
        fine = self.stem(target * 2 - 1)
        coarse = self.down[0](fine)
        inner = self.down[1](coarse) + self.place
        for block in self.blocks:
            inner = block(inner, style)
        lookup, weights, mask = self._geometry(inner, coarse, fine)
        light, lacking = self._colour(inner)
        found = self._found(lookup, weights)
        face = found * (1 + light[:, :3]) + light[:, 3:] + lacking
        rgb = (target + mask * (face - target)).clamp(0, 1)
        return Drawing(rgb, face, mask, lookup)

    def _geometry(
        self, inner: Tensor, coarse: Tensor, fine: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        features = self.joined[0](torch.cat([self.finer[0](inner), coarse], 1))
        features = self.joined[1](torch.cat([self.finer[1](features), fine], 1))
        raw = _larger(self.geometry(features) + self.usual, 2)
        lookup = self.here + REACH_PX * raw[:, :2]
        weights = torch.softmax(CHOICE * raw[:, 2:-1], dim=1)
        return lookup, weights, torch.sigmoid(EDGE * raw[:, -1:])

    def _colour(self, inner: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.colour(self.paint(inner))
        light = _larger(functional.avg_pool2d(raw[:, :6], 4), 8)
        return light, functional.pixel_shuffle(raw[:, 6:], 2)

    def _found(self, lookup: Tensor, weights: Tensor) -> Tensor:
        """The textures at `lookup`, mixed."""
        count, size = len(lookup), lookup.shape[-1]
        grid = (lookup.permute(0, 2, 3, 1) * 2 + 1) / STORED_PX - 1
        # one picture of all textures, looked up for all faces at once, saves a copy for each face
        found = functional.grid_sample(
            self.textures.reshape(1, -1, FACE_PX, FACE_PX).to(lookup.dtype) / 255,
            grid.reshape(1, count * size, size, 2),
            padding_mode="border",
            align_corners=False,
        )
        found = found.reshape(self.count, 3, count, size, size).permute(2, 0, 1, 3, 4)
        return (found * weights[:, :, None]).sum(1)


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


def _larger(features: Tensor, factor: int) -> Tensor:
    return functional.interpolate(features, scale_factor=factor, mode="bilinear")


def _quiet(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer starting near 0: what is usual and the textures as they are, before it learns."""
    with torch.no_grad():
        layer.weight.mul_(0.1)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


def _conv(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.1))


def _down(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.1))


def _up(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2), nn.LeakyReLU(0.1)
    )
