"""Move, bend and light faces at random: picture, masks, lookups and wanted picture alike.

There is no mirroring: faces are not symmetrical, and a person is known by that.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.data import margin_of, stored_of
from facepipe.training.settings import TrainingSettings

_KNOTS = 5  # of a bend, each way


@dataclass(frozen=True, eq=False)
class Change:
    """One random change of `N` faces.

    Attributes:
        bent: `(N, S, S, 2)` where to sample the stored square: shifted, turned, zoomed, and
            smoothly bent by a few pixels.
        gain: `(N, 3, 1, 1)` each colour is multiplied by this.
        offset: `(N, 3, 1, 1)` and this is added.
    """

    bent: Tensor
    gain: Tensor
    offset: Tensor

    def __getitem__(self, some: slice) -> "Change":
        """The change of some of the faces."""
        return Change(self.bent[some], self.gain[some], self.offset[some])


def draw_change(
    count: int, settings: TrainingSettings, generator: torch.Generator, pixels: int = NETWORK_PX
) -> Change:
    """A change for each of `count` faces; all chance comes from `generator` (on the CPU).

    `pixels` is the side of the network's square; the settings count in pixels of one of 128.
    """
    numbers = torch.zeros(count, 2, _KNOTS + 2, _KNOTS + 2)
    chance = torch.rand(count, 4, generator=generator) * 2 - 1
    numbers[..., _KNOTS:, _KNOTS:] = _moved(chance, settings, pixels)
    bend = torch.randn(count, 2, _KNOTS, _KNOTS, generator=generator)
    numbers[..., :_KNOTS, :_KNOTS] = bend * (settings.bend_px * pixels / NETWORK_PX)
    light = torch.rand(count, 2, 3, 1, 1, generator=generator) * 2 - 1
    # most of a change of light is common to the three colours
    light = 0.3 * light + 0.7 * light.mean(2, keepdim=True)
    return Change(
        bent=_placed(numbers, pixels),
        gain=1 + settings.light * light[:, 0],
        offset=settings.light / 2 * light[:, 1],
    )


def sampled(stored: Tensor, grid: Tensor) -> Tensor:
    """Planes `(N, C, P, P)` uint8 as seen through a grid, `(N, C, S, S)` float in 0..1."""
    picture = stored.float().div_(255)
    return functional.grid_sample(picture, grid, padding_mode="border", align_corners=True)


def looked_up(lookup: Tensor, grid: Tensor) -> Tensor:
    """Lookups `(N, 3, 80, 80)` as seen through a grid, `(N, 3, S, S)`."""
    return functional.grid_sample(lookup, grid, align_corners=True)


def unchanged(count: int, pixels: int = NETWORK_PX, step: int = 1) -> Tensor:
    """The grid of `count` faces as they are, `(N, S, S, 2)`.

    `S` is `pixels / step`, and each place the middle of `step` by `step` of the network's pixels.
    """
    first = margin_of(stored_of(pixels)) + (step - 1) / 2
    axis = torch.arange(0, pixels, step, dtype=torch.float32) + first
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return _as_grid(torch.stack([x, y], dim=-1), pixels).expand(count, -1, -1, -1)


def lit(rgb: Tensor, change: Change) -> Tensor:
    """Pictures `(N, 3, H, W)` in the changed light, kept in 0..1."""
    gain, offset = change.gain.to(rgb.device), change.offset.to(rgb.device)
    return torch.addcmul(offset, rgb, gain).clamp_(0, 1)


def _moved(chance: Tensor, settings: TrainingSettings, pixels: int) -> Tensor:
    """`(N, 2, 2, 2)` how stored x and y follow from x, y and 1, from four numbers each in -1..1.

    The rows of each are of y and 1, the columns of x and 1.
    """
    angle = chance[:, 0] * math.radians(settings.turn_deg)
    zoom = 1 + chance[:, 1] * settings.zoom
    cosine, sine = zoom * angle.cos(), zoom * angle.sin()
    shift_px = settings.shift_px * (pixels / NETWORK_PX)
    shift = chance[:, 2:] * shift_px + (pixels - 1) / 2 + margin_of(stored_of(pixels))
    none = torch.zeros_like(sine)
    x = [none, -sine, cosine, shift[:, 0]]
    y = [none, cosine, sine, shift[:, 1]]
    return torch.stack([*x, *y], 1).view(-1, 2, 2, 2)


def _placed(numbers: Tensor, pixels: int) -> Tensor:
    """`(N, S, S, 2)` the grid of products of `_patterns`, as `(N, 2, 7, 7)` numbers weigh them."""
    units = numbers * _units_per_px(pixels)
    units[..., -1, -1] -= 1
    patterns = _patterns(pixels)
    return (patterns.T @ units @ patterns).permute(0, 2, 3, 1)


@lru_cache(2)
def _patterns(pixels: int) -> Tensor:
    """`(7, S)` all that a place depends on along one axis: each knot's bicubic bend, x and 1.

    Bend and movement as one product of matrices cost a tenth of interpolating every bend.
    """
    knots = torch.eye(_KNOTS)[:, None, None].expand(-1, -1, _KNOTS, -1)
    bends = functional.interpolate(knots, pixels, mode="bicubic", align_corners=True)[:, 0, 0]
    axis = torch.arange(pixels) - (pixels - 1) / 2
    return torch.cat([bends, torch.stack([axis, torch.ones_like(axis)])])


def _as_grid(places: Tensor, pixels: int) -> Tensor:
    return places * _units_per_px(pixels) - 1


def _units_per_px(pixels: int) -> float:
    """A stored square reaches from -1 to 1."""
    return 2 / (stored_of(pixels) - 1)
