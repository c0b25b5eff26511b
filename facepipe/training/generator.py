"""The compact generator: a face and an embedding in, that person with this face's pose out.

It holds a few pictures of the person, laid out in one common geometry, and learns where in them
to look each pixel up, how to mix them, in which light, and what they lack. Sharp skin, eyes and
hair of the brows so come from the person's own pictures and need not be learnt; a network that
has to learn them as well takes hours for what this one draws within minutes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from facepipe.landmarks.alignment import FACE_PX, NETWORK_PX
from facepipe.training.data import MESH_PX, margin_of, stored_of
from facepipe.training.layers import (
    EMBEDDING,
    StyledBlock,
    convolved,
    doubled,
    enlarged,
    halved,
    quiet,
)

MESH_POINTS = 514
REACH_PX = 8.0
"""What a lookup's raw output of 1 stands for, so that outputs are about 1."""
CHOICE, EDGE = 3.0, 4.0
"""The same for the choice among textures and for the mask, both before they are squashed."""
_INNER_PX = 16
_FINE = 4


@dataclass(frozen=True)
class GeneratorSettings:
    """How large the generator is.

    Attributes:
        width: channels at a side of 64; the bottleneck, at one of 16, has 4 times as many.
        blocks: residual blocks at the bottleneck, where the embedding enters.
        textures: pictures of the person to look up in.
        pixels: side of the squares it draws, 128 or 256.
    """

    width: int = 32
    blocks: int = 3
    textures: int = 6
    pixels: int = NETWORK_PX


class Drawing(NamedTuple):
    """What a generator makes of `N` faces.

    Attributes:
        rgb: `(N, 3, S, S)` the face drawn into its square, 0..1.
        face: `(N, 3, S, S)` the drawn face alone; meaningless where `mask` is 0.
        mask: `(N, 1, S, S)` 0..1, where the face is drawn.
        lookup: `(N, 2, S, S)` where in the textures each pixel was looked up: x and y in pixels
            of a stored square of `MESH_PX`. None of a network that looks nothing up: it paints the
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

    An encoder to a side of 16 and residual blocks styled by the embedding (AdaIN, Huang
    and Belongie 2017) feed two decoders. One sees the encoder's finer features and says where each
    pixel lies on the face, which texture to take and where the face ends. The other does not,
    since it could copy the given person's eyes and mouth from them: it says in which light the
    face is and paints what the textures lack.

    Input: target `(N, 3, S, S)` RGB in 0..1, source `(N, 512)` of unit norm.
    """

    textures: Tensor
    """`(K, 3, 320, 320)` uint8, the person's pictures, each in the geometry of `mesh`."""
    mesh: Tensor
    """`(514, 3)` the person's average face mesh, in pixels of a stored square of `MESH_PX`."""
    here: Tensor
    """`(1, 2, S, S)` each pixel's own place, in the same pixels."""

    def __init__(self, settings: GeneratorSettings) -> None:
        super().__init__()
        width, count = settings.width, settings.textures
        self.count, self.pixels = count, settings.pixels
        # twice the side takes one level more, of half as many channels: all else stays as it is
        levels = 3 if self.pixels == NETWORK_PX else 4
        inner, *finer = [4 * width // 2**level for level in range(levels)]
        self.stem = halved(3, finer[-1])
        self.down = nn.ModuleList([halved(*pair) for pair in pairwise([*finer[::-1], inner])])
        # convolutions do not know where they are; eyes and mouths are nearly always in one place
        self.place = nn.Parameter(0.02 * torch.randn(1, inner, _INNER_PX, _INNER_PX))
        self.blocks = nn.ModuleList([StyledBlock(inner) for _ in range(settings.blocks)])
        steps = [*zip([inner, *finer], [3 * width // 2, *finer[1:]], finer, strict=False)]
        self.finer = nn.ModuleList([doubled(before, up) for before, up, _ in steps])
        self.joined = nn.ModuleList([convolved(up + after, after) for _, up, after in steps])
        # the mask has a number for each pixel of the square: a row of teeth is few pixels high
        raw, half = 2 + count + _FINE, self.pixels // 2
        self.geometry = quiet(nn.Conv2d(finer[-1], raw, 3, padding=1))
        self.usual = nn.Parameter(torch.zeros(1, raw, half, half))
        self.paint = nn.Sequential(*[doubled(*pair) for pair in pairwise([inner, *finer])])
        self.colour = quiet(nn.Conv2d(finer[-1], 6 + 12, 3, padding=1))
        self.register_buffer(
            "textures", torch.full((count, 3, FACE_PX, FACE_PX), 128, dtype=torch.uint8)
        )
        self.register_buffer("mesh", torch.zeros(MESH_POINTS, 3))
        self.register_buffer("here", _places(self.pixels)[None], persistent=False)

    @property
    def coarsely_here(self) -> Tensor:
        """`(2, 128, 128)` as `here`, of fewer pixels where it draws more."""
        return functional.avg_pool2d(self.here[0], self.pixels // NETWORK_PX)

    @property
    def heads(self) -> tuple[nn.Module, ...]:
        """The layers that end in pictures."""
        return (self.geometry, self.colour)

    def furnish(self, textures: Tensor, mesh: Tensor, lookup: Tensor, mask: Tensor) -> None:
        """Give it a person's pictures, and what is usual as a start.

        `lookup` `(2, 128, 128)` and `mask` `(1, 128, 128)` are the person's average.
        """
        self.textures.copy_(textures)
        self.mesh.copy_(mesh)
        offset = (lookup - self.coarsely_here) / REACH_PX
        believed = torch.logit(mask.clamp(0.02, 0.98)) / EDGE
        fewer = 2 * NETWORK_PX // self.pixels
        with torch.no_grad():
            self.usual[0, :2] = functional.avg_pool2d(offset, fewer)
            finest = functional.interpolate(
                believed[None], (self.pixels, self.pixels), mode="bilinear"
            )
            self.usual[:, -_FINE:] = functional.pixel_unshuffle(finest, 2)

    def forward(self, target: Tensor, source: Tensor) -> Drawing:
        """The swapped faces and what they were made of."""
        # a unit vector's 512 entries are about 0.04; layers expect about 1
        style = source * math.sqrt(EMBEDDING)
        seen = [self.stem(target * 2 - 1)]
        for down in self.down:
            seen.append(down(seen[-1]))
        inner = seen.pop() + self.place
        for block in self.blocks:
            inner = block(inner, style)
        lookup, weights, mask = self._geometry(inner, seen)
        light, lacking = self._colour(inner)
        found = self._found(lookup, weights)
        face = found * (1 + light[:, :3]) + light[:, 3:] + lacking
        rgb = (target + mask * (face - target)).clamp(0, 1)
        return Drawing(rgb, face, mask, lookup)

    def _geometry(self, features: Tensor, seen: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        for finer, joined, beside in zip(self.finer, self.joined, reversed(seen), strict=True):
            features = joined(torch.cat([finer(features), beside], 1))
        raw = self.geometry(features) + self.usual
        where = enlarged(raw[:, :-_FINE], 2)
        lookup = self.here + REACH_PX * where[:, :2]
        weights = torch.softmax(CHOICE * where[:, 2:], dim=1)
        mask = functional.pixel_shuffle(raw[:, -_FINE:], 2)
        return lookup, weights, torch.sigmoid(EDGE * mask)

    def _colour(self, inner: Tensor) -> tuple[Tensor, Tensor]:
        raw = self.colour(self.paint(inner))
        fewer = raw.shape[-1] // _INNER_PX  # light changes slowly
        light = enlarged(functional.avg_pool2d(raw[:, :6], fewer), 2 * fewer)
        return light, functional.pixel_shuffle(raw[:, 6:], 2)

    def _found(self, lookup: Tensor, weights: Tensor) -> Tensor:
        """The textures at `lookup`, mixed."""
        count, size = len(lookup), lookup.shape[-1]
        grid = (lookup.permute(0, 2, 3, 1) * 2 + 1) / MESH_PX - 1
        # one picture of all textures, looked up for all faces at once, saves a copy for each face
        found = functional.grid_sample(
            self.textures.reshape(1, -1, FACE_PX, FACE_PX).to(lookup.dtype) / 255,
            grid.reshape(1, count * size, size, 2),
            padding_mode="border",
            align_corners=False,
        )
        found = found.reshape(self.count, 3, count, size, size).permute(2, 0, 1, 3, 4)
        return (found * weights[:, :, None]).sum(1)


def _places(pixels: int) -> Tensor:
    """`(2, S, S)` x and y of a network square's pixels, in those of a stored one of `MESH_PX`."""
    stored_px = stored_of(pixels)
    axis = torch.arange(pixels, dtype=torch.float32) + margin_of(stored_px)
    axis = (axis + 0.5) * (MESH_PX / stored_px) - 0.5  # whole numbers are pixels' centres
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y])
