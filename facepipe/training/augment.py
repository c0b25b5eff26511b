"""Move, bend and light faces at random: picture, masks, lookups and wanted picture alike.

There is no mirroring: faces are not symmetrical, and a person is known by that.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.data import MARGIN_PX, STORED_PX
from facepipe.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class Change:
    """One random change of `N` faces.

    Attributes:
        bent: `(N, 128, 128, 2)` where to sample the stored square: shifted, turned, zoomed, and
            smoothly bent by a few pixels.
        gain: `(N, 3, 1, 1)` each colour is multiplied by this.
        offset: `(N, 3, 1, 1)` and this is added.
    """

    bent: Tensor
    gain: Tensor
    offset: Tensor


def draw_change(count: int, settings: TrainingSettings, generator: torch.Generator) -> Change:
    """A change for each of `count` faces; all chance comes from `generator` (on the CPU)."""
    moved = _moved(torch.rand(count, 4, generator=generator) * 2 - 1, settings)
    coarse = torch.randn(count, 2, 5, 5, generator=generator) * settings.bend_px
    bend = functional.interpolate(coarse, NETWORK_PX, mode="bicubic", align_corners=True)
    light = torch.rand(count, 2, 3, 1, 1, generator=generator) * 2 - 1
    # most of a change of light is common to the three colours
    light = 0.3 * light + 0.7 * light.mean(2, keepdim=True)
    return Change(
        bent=_as_grid(moved + bend.permute(0, 2, 3, 1)),
        gain=1 + settings.light * light[:, 0],
        offset=settings.light / 2 * light[:, 1],
    )


def sampled(stored: Tensor, grid: Tensor) -> Tensor:
    """Planes `(N, C, 160, 160)` uint8 as seen through a grid, `(N, C, 128, 128)` float in 0..1."""
    picture = stored.float().div_(255)
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=True)


def looked_up(lookup: Tensor, grid: Tensor) -> Tensor:
    """Lookups `(N, 3, 80, 80)` as seen through a grid, `(N, 3, 128, 128)`."""
    return functional.grid_sample(lookup, grid, align_corners=True)


def unchanged(count: int) -> Tensor:
    """The grid of `count` faces as they are, `(N, 128, 128, 2)`."""
    axis = torch.arange(NETWORK_PX, dtype=torch.float32) + MARGIN_PX
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return _as_grid(torch.stack([x, y], dim=-1)).expand(count, -1, -1, -1)


def lit(rgb: Tensor, change: Change) -> Tensor:
    """Pictures `(N, 3, H, W)` in the changed light, kept in 0..1."""
    gain, offset = change.gain.to(rgb.device), change.offset.to(rgb.device)
    return (rgb * gain + offset).clamp(0, 1)


def _moved(chance: Tensor, settings: TrainingSettings) -> Tensor:
    """`(N, 128, 128, 2)` pixels of the stored square, from four numbers each in -1..1."""
    centre = (NETWORK_PX - 1) / 2
    axis = torch.arange(NETWORK_PX) - centre
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    angle = chance[:, 0] * math.radians(settings.turn_deg)
    zoom = 1 + chance[:, 1] * settings.zoom
    cosine, sine = (zoom * angle.cos())[:, None, None], (zoom * angle.sin())[:, None, None]
    shift = chance[:, 2:, None, None] * settings.shift_px + centre + MARGIN_PX
    return torch.stack(
        [cosine * x - sine * y + shift[:, 0], sine * x + cosine * y + shift[:, 1]], dim=-1
    )


def _as_grid(pixels: Tensor) -> Tensor:
    return pixels * (2 / (STORED_PX - 1)) - 1
