"""Neck and chest."""

import numpy as np

from facepipe.synthetic.fields import Floats, colour_of, smooth_noise, smooth_step, xyz
from facepipe.synthetic.people import Identity
from facepipe.synthetic.surfaces import (
    OTHER,
    SKIN,
    Samples,
    from_grid,
    grid_normals,
    join,
    spread,
)

SIDES = (-1.75, 1.75)
"""Azimuths between which a trunk is modelled; nobody turns far enough to show its back."""


def body_samples(who: Identity, gap: float) -> Samples:
    """Neck and clothed chest, sampled `gap` apart."""
    rng = np.random.default_rng([who.seed, 3])
    return join([_neck(who, gap, rng), _chest(who, gap, rng)])


def _neck(who: Identity, gap: float, rng: np.random.Generator) -> Samples:
    def surface(azimuth: Floats, down: Floats) -> Floats:
        width = 0.45 * who.width * who.jaw**0.3 + 0.10 * (2 * down - 1) ** 2
        return xyz(width * np.sin(azimuth), 0.55 + 1.25 * down, -0.22 + 0.50 * np.cos(azimuth))

    pos = surface(*spread(surface, SIDES, (0, 1), gap))
    tone = 1 - 0.42 * smooth_step(1.45, 1.0, pos[1])  # the chin's shadow
    tone += 0.02 * smooth_noise(rng, (pos.shape[1], pos.shape[2]), 20, 20)
    return from_grid(pos, colour_of(who.skin_rgb) * tone, (0.1, SKIN), grid_normals(pos))


def _chest(who: Identity, gap: float, rng: np.random.Generator) -> Samples:
    def surface(azimuth: Floats, down: Floats) -> Floats:
        slope = np.minimum(1, down / 0.5)
        y = 1.40 + 0.50 * slope**1.5 + 1.5 * np.maximum(0, down - 0.42) ** 1.2
        y = y + 0.18 * np.cos(azimuth) * (1 - slope)
        width = 0.42 + 1.33 * slope**0.85
        return xyz(width * np.sin(azimuth), y, -0.3 + (0.48 + 0.30 * slope) * np.cos(azimuth))

    azimuth, down = spread(surface, SIDES, (0, 1), gap)
    pos = surface(azimuth, down)
    tone = 1 + 0.04 * smooth_noise(rng, (pos.shape[1], pos.shape[2]), 30, 60)
    tone -= 0.25 * smooth_step(0.05, 0.0, down)
    return from_grid(pos, colour_of(who.cloth_rgb) * tone, (0.0, OTHER), grid_normals(pos))
