"""Hair: a cap over the skull, and for some a fall to the shoulders."""

import numpy as np

from facepipe.synthetic.fields import Floats, colour_of, smooth_noise, smooth_step, xyz
from facepipe.synthetic.head_shape import egg
from facepipe.synthetic.people import Identity
from facepipe.synthetic.surfaces import HAIR, Samples, from_grid, grid_normals, spread

TEMPLES = (0.9, 2.0)
"""Azimuths of the parts of the cap whose inside may be seen, between forehead and far temple."""


def hair_samples(who: Identity, gap: float) -> list[Samples]:
    """The hair of a person, sampled `gap` apart."""
    rng = np.random.default_rng([who.seed, 2])
    return [*_cap(who, gap, rng), *(_fall(who, gap, rng) if who.hair_long else [])]


def _above_hairline(who: Identity, azimuth: Floats, y: Floats) -> Floats:
    """Height over the hairline: high on the forehead, low behind the ears."""
    turn = np.abs(azimuth)
    wave = who.fringe * (0.5 - np.cos(3 * azimuth)) + who.parting * np.sin(1.6 * azimuth)
    line = who.hairline + wave * smooth_step(1.4, 0.7, turn)
    line += 0.95 * smooth_step(0.75, 1.25, turn) + 0.75 * smooth_step(1.75, 2.1, turn)
    return np.asarray(line - y, np.float32)


def _cap(who: Identity, gap: float, rng: np.random.Generator) -> list[Samples]:
    """The cap from outside and, at the temples, where one can look under it, from inside."""

    def surface(azimuth: Floats, descent: Floats) -> Floats:
        skull = egg(who, azimuth, descent)
        lift = smooth_step(-0.05, 0.35, _above_hairline(who, azimuth, skull[1]))
        lift = 0.045 + who.hair_lift * lift
        return skull * np.stack([1 + lift, 1 + lift, 1 + 0.8 * lift])

    azimuth, descent = spread(surface, (-np.pi, np.pi), (0.01, 0.75), gap)
    pos = surface(azimuth, descent)
    above = _above_hairline(who, azimuth, egg(who, azimuth, descent)[1])
    rows, cols = above.shape
    strand = smooth_noise(rng, (rows, cols), 5, cols // 3)
    wave = smooth_noise(rng, (rows, cols), 5, 14)
    tone = 1 + 0.20 * strand + 0.10 * smooth_noise(rng, (rows, cols), 12, cols // 2)
    tone += 0.06 * wave - 0.3 * smooth_step(0.10, 0.0, above)
    rgb = colour_of(who.hair_rgb) * tone.clip(0.5, 1.7)
    nrm = grid_normals(pos)
    pos = pos * (1 + 0.008 * np.sin(np.pi * descent) * wave)
    keep = above + 0.04 * strand > 0
    rim = (np.abs(azimuth) > TEMPLES[0]) & (np.abs(azimuth) < TEMPLES[1])
    return [
        from_grid(pos, rgb, (0.45, HAIR), nrm, keep),
        from_grid(pos, 0.5 * rgb, (0.0, HAIR), -nrm, keep & rim),
    ]


def _fall(who: Identity, gap: float, rng: np.random.Generator) -> list[Samples]:
    """A curtain around the back of the head, seen from outside and, darker, from inside."""

    def surface(azimuth: Floats, down: Floats) -> Floats:
        radius = 0.80 * who.width + 0.10 * np.sin(np.pi * down)
        x, z = 1.02 * radius * np.sin(azimuth), 0.9 * radius * np.cos(azimuth) - 0.05
        return xyz(x, -0.35 + 1.75 * down, z)

    azimuth, down = spread(surface, (1.22, 2 * np.pi - 1.22), (0, 1), gap)
    pos = surface(azimuth, down)
    nrm = grid_normals(pos)
    rows, cols = pos.shape[1:]
    strand = smooth_noise(rng, (rows, cols), 4, cols // 3)
    rgb = colour_of(who.hair_rgb) * (0.95 + 0.22 * strand).clip(0.5, 1.6)
    keep = down < 0.93 + 0.05 * strand
    return [
        from_grid(pos, rgb, (0.4, HAIR), nrm, keep),
        from_grid(pos, 0.5 * rgb, (0.0, HAIR), -nrm, keep),
    ]
