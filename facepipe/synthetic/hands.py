"""Hands before a face: fingers with joints and nails, a palm, a thumb, a forearm."""

from collections.abc import Sequence

import numpy as np

from facepipe.synthetic.fields import Floats
from facepipe.synthetic.sprites import Limb, Point, Sprite, limbs

_FINGERS = ((-0.62, 1.00), (-0.20, 1.12), (0.22, 1.05), (0.62, 0.82))
"""Where each finger leaves the palm, and its length, in palms' widths."""
_NAIL = 0.45  # of the finger's radius


def draw_hand(rng: np.random.Generator, size_px: int) -> Sprite:
    """A hand, or as little of it as one finger, somewhere over the middle of a square."""
    width = size_px * rng.uniform(0.12, 0.42)
    members = _whole_hand(rng) if rng.random() < 0.5 else _few_fingers(rng)
    turn = rng.normal(0, 0.5) if rng.random() < 0.75 else rng.uniform(-np.pi, np.pi)
    mirror = np.array([rng.choice([-1.0, 1.0]), 1.0])
    tip = np.array(members[-1][-1][1]) * rng.uniform(0.2, 1)
    aim = size_px * rng.normal([0.5, 0.5], [0.17, 0.17])

    def moved(point: Point) -> Point:
        return _pair(_turned((np.array(point) - tip) * width * mirror, turn) + aim)

    placed: list[list[Limb]] = [
        [(moved(a), moved(b), first * width, last * width) for a, b, first, last in member]
        for member in members
    ]
    sprite = limbs(placed, size_px)
    return _with_nails(rng, sprite, placed) if rng.random() < 0.5 else sprite


def _whole_hand(rng: np.random.Generator) -> list[list[Limb]]:
    """Forearm and palm, thumb, then four fingers, or a fist. In palms' widths."""
    palm: list[Limb] = [((x, 0.15), (0.6 * x, 1.15), 0.36, 0.34) for x in (-0.45, 0.0, 0.45)]
    members: list[list[Limb]] = [[((0.0, 1.1), (rng.normal(0, 0.4), 6.0), 0.50, 0.75), *palm]]
    folded = rng.random() < 0.4
    spread = rng.uniform(0.0, 0.45)
    members.append(_finger(rng, (-0.7, 0.75), rng.uniform(-1.5, -0.1), 0.9, 0.27, 2))
    for place, length in _FINGERS:
        own = length * (rng.uniform(0.15, 0.4) if folded else rng.uniform(0.75, 1.1))
        lean = spread * place + rng.normal(0, 0.08)
        members.append(_finger(rng, (place, 0.0), lean, own, 0.22, 3))
    return members


def _few_fingers(rng: np.random.Generator) -> list[list[Limb]]:
    """A fist with one thumb or up to three fingers stretched out of it. In palms' widths."""
    members: list[list[Limb]] = [[((0.0, 1.0), (rng.normal(0, 0.6), 6.0), 0.45, 0.7)]]
    members += [[((-0.35, 0.5 + 0.28 * k), (0.4, 0.45 + 0.28 * k), 0.24, 0.22)] for k in range(4)]
    count = int(rng.choice([1, 1, 2, 3]))
    radius = rng.uniform(0.2, 0.36)
    for place in range(count):
        lean = rng.normal(0, 0.12) + 0.2 * (place - (count - 1) / 2)
        start = (0.5 * (place - (count - 1) / 2), 0.3)
        members.append(_finger(rng, start, lean, rng.uniform(1.1, 1.9), radius, 3))
    return members


def _finger(
    rng: np.random.Generator, start: Point, lean: float, length: float, radius: float, bones: int
) -> list[Limb]:
    """Bones of one finger from its root to its tip, bent a little at each joint."""
    parts: list[Limb] = []
    at, bend = np.array(start), rng.normal(0, 0.12)
    for bone in range(bones):
        step = length / bones * np.array([np.sin(lean), -np.cos(lean)])
        thick = radius * (1 - 0.1 * bone)
        parts.append((_pair(at), _pair(at + step), thick, thick * rng.uniform(0.84, 0.98)))
        at, lean = at + step, lean + bend
    return parts


def _with_nails(
    rng: np.random.Generator, sprite: Sprite, members: Sequence[Sequence[Limb]]
) -> Sprite:
    """Nails as lighter spots near the ends of members."""
    y, x = np.mgrid[0 : len(sprite.alpha), 0 : len(sprite.alpha)].astype(np.float32)
    tint, light = sprite.tint.copy(), rng.uniform(1.05, 1.3)
    for member in members[-4:]:
        start, end, _, radius = member[-1]
        along = (np.array(end) - start) / max(float(np.hypot(*(np.array(end) - start))), 1e-3)
        dx, dy = x - end[0], y - end[1]
        length = (dx * along[0] + dy * along[1]) / (_NAIL * radius * 1.4)
        across = (dx * along[1] - dy * along[0]) / (_NAIL * radius)
        nail = np.clip(3 * (1 - np.hypot(length, across)), 0, 1)
        tint = tint + (light - tint) * nail
    return Sprite(sprite.alpha, sprite.relief, tint.astype(np.float32))


def _turned(point: Floats, turn: float) -> Floats:
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([cos * point[0] - sin * point[1], sin * point[0] + cos * point[1]])


def _pair(point: Floats) -> Point:
    return float(point[0]), float(point[1])
