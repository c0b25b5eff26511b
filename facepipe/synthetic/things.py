"""Things that people hold or wear before their faces: drawn without colours, as sprites."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import cv2
import numpy as np

from facepipe.synthetic.fields import Floats
from facepipe.synthetic.hands import draw_hand
from facepipe.synthetic.sprites import Limb, Sprite, closed_curve, limbs, nothing, placed, rounded


def draw_stick(rng: np.random.Generator, size_px: int) -> Sprite:
    """A pen, a stick or a straw across the square."""
    middle = size_px * rng.uniform(0.2, 0.8, 2)
    turn, reach = rng.uniform(0, np.pi), size_px * rng.uniform(0.3, 1.2)
    way = np.array([np.cos(turn), np.sin(turn)]) * reach
    thick = size_px * rng.uniform(0.012, 0.06)
    tip = middle + way * (rng.uniform(0.0, 1.0))
    return limbs([[_limb(middle - way, tip, thick, thick * rng.uniform(0.5, 1.2))]], size_px)


def draw_microphone(rng: np.random.Generator, size_px: int) -> Sprite:
    """A ball on a stick, usually before the mouth."""
    ball = size_px * rng.normal([0.5, 0.72], [0.12, 0.1])
    radius = size_px * rng.uniform(0.06, 0.16)
    way = np.array([rng.normal(0, 0.6), 1.0]) * size_px
    handle = _limb(ball, ball + way, radius * rng.uniform(0.3, 0.7), radius * 0.5)
    return limbs([[handle], [_limb(ball, ball + 0.01, radius, radius)]], size_px)


def draw_cup(rng: np.random.Generator, size_px: int) -> Sprite:
    """A cup, a glass or a bottle with straight sides, sometimes with a handle."""
    middle = size_px * rng.normal([0.5, 0.75], [0.18, 0.15])
    wide, high = size_px * rng.uniform(0.12, 0.3), size_px * rng.uniform(0.15, 0.5)
    taper = rng.uniform(0.6, 1.05)
    arc = np.linspace(0, np.pi, 24)
    rim = np.stack([wide * np.cos(arc), -high - 0.2 * wide * np.sin(arc)], 1)
    foot = np.stack([-taper * wide * np.cos(arc), high + 0.25 * wide * np.sin(arc)], 1)
    turn = rng.normal(0, 0.3)
    body = closed_curve(placed(np.concatenate([rim, foot]), _pair(middle), 1, turn), size_px, 0.95)
    if rng.random() < 0.5:
        return body
    side = wide * rng.choice([-1, 1])
    ring = [np.array([side * (1 + 0.5 * np.sin(a)), -high * 0.5 * np.cos(a)]) for a in arc[::3]]
    ends = placed(np.array(ring), _pair(middle), 1, turn)
    thick = wide * rng.uniform(0.08, 0.16)
    loop = [_limb(a, b, thick, thick) for a, b in pairwise(ends)]
    return body.over(limbs([loop], size_px))


def draw_hair(rng: np.random.Generator, size_px: int) -> Sprite:
    """Strands that hang over the face, from a few to a dense lock."""
    root = size_px * np.array([rng.uniform(-0.1, 1.1), rng.uniform(-0.2, 0.2)])
    toward = size_px * np.array([rng.uniform(0.0, 1.0), rng.uniform(0.4, 1.2)])
    sway = size_px * rng.normal(0, 0.2, 2)
    count, spread = int(rng.integers(3, 60)), size_px * rng.uniform(0.02, 0.2)
    share = np.linspace(0, 1, 24)[:, None]
    cover = np.zeros((2 * size_px, 2 * size_px), np.uint8)
    tone = np.full_like(cover, 128)
    for _ in range(count):
        start, end = root + rng.normal(0, spread, 2), toward + rng.normal(0, 1.3 * spread, 2)
        bow = sway + rng.normal(0, 0.2 * spread, 2)
        line = start + (end - start) * share + bow * np.sin(np.pi * share)
        points = [np.round(line * 2 * 16).astype(np.int32)]
        thick = int(rng.integers(1, 5))
        cv2.polylines(cover, points, False, 255, thick, cv2.LINE_AA, 4)
        cv2.polylines(tone, points, False, int(rng.integers(60, 230)), 1, cv2.LINE_AA, 4)
    planes = [
        cv2.resize(plane, (size_px, size_px), interpolation=cv2.INTER_AREA).astype(np.float32)
        for plane in (cover, tone)
    ]
    return Sprite(planes[0] / 255, 2 * planes[0] / 255, planes[1] / 128)


def draw_bars(rng: np.random.Generator, size_px: int) -> Sprite:
    """The bars of a frame or a window: one, two or four straight edges."""
    turn, thick = rng.normal(0, 0.25), size_px * rng.uniform(0.015, 0.05)
    low, high = np.sort(rng.uniform(-0.6, 0.6, 2))
    left, right = np.sort(rng.uniform(-0.6, 0.6, 2))
    sides = np.array(
        [[[left, -1], [left, 1]], [[-1, low], [1, low]], [[right, -1], [right, 1]],
         [[-1, high], [1, high]]]
    )  # fmt: skip
    chosen = sides[: int(rng.choice([1, 2, 4]))]
    middle = (size_px * 0.5, size_px * 0.5)
    ends = [placed(side, middle, size_px, turn) for side in chosen]
    return limbs([[_limb(a, b, thick, thick)] for a, b in ends], size_px)


def draw_cloth(rng: np.random.Generator, size_px: int) -> Sprite:
    """A scarf, a mask or a sheet of paper that covers a side of the face up to a curved edge."""
    across = np.linspace(-1.2, 1.2, 40)
    edge = rng.uniform(-0.35, 0.3) + rng.normal(0, 0.12) * across + rng.normal(0, 0.15) * across**2
    edge = edge + 0.02 * np.sin(rng.uniform(3, 12) * across)
    outline = np.concatenate([np.stack([across, edge], 1), [[1.2, 1.5], [-1.2, 1.5]]])
    turn = rng.choice([0.0, 0.0, np.pi / 2, -np.pi / 2, np.pi]) + rng.normal(0, 0.25)
    middle = size_px * rng.normal(0.5, 0.06, 2)
    sheet = closed_curve(placed(outline, _pair(middle), size_px * 0.6, turn), size_px, 0.08)
    folds = size_px * 0.02 * np.sin(np.linspace(0, rng.uniform(4, 40), size_px))
    relief = sheet.relief + (folds[:, None] if rng.random() < 0.5 else folds[None, :])
    return Sprite(sheet.alpha, relief.astype(np.float32), sheet.tint)


def draw_lump(rng: np.random.Generator, size_px: int) -> Sprite:
    """Food, a ball, a leaf, a phone: something round or angular of one piece."""
    outline = rounded(rng, int(rng.integers(1, 9)), rng.uniform(0.0, 0.3))
    if rng.random() < 0.3:
        outline = outline[:: int(rng.choice([12, 16, 24, 32]))]
    middle = size_px * rng.normal([0.5, 0.6], [0.2, 0.2])
    size, slim = size_px * rng.uniform(0.06, 0.3), rng.uniform(0.35, 1.0)
    drawn = placed(outline, _pair(middle), size, rng.uniform(0, 2 * np.pi), slim)
    return closed_curve(drawn, size_px, rng.uniform(0.1, 1.0))


def draw_crumbs(rng: np.random.Generator, size_px: int) -> Sprite:
    """Several small lumps."""
    whole = nothing(size_px)
    for _ in range(int(rng.integers(2, 7))):
        outline = rounded(rng, 5, 0.2)
        middle = size_px * rng.uniform(0.1, 0.9, 2)
        size = size_px * rng.uniform(0.02, 0.08)
        whole = closed_curve(placed(outline, _pair(middle), size, 0.0), size_px, 0.9).over(whole)
    return whole


Draw = Callable[[np.random.Generator, int], Sprite]
THINGS: Mapping[str, Draw] = MappingProxyType(
    {
        "hand": draw_hand,
        "stick": draw_stick,
        "microphone": draw_microphone,
        "cup": draw_cup,
        "hair": draw_hair,
        "bars": draw_bars,
        "cloth": draw_cloth,
        "lump": draw_lump,
        "crumbs": draw_crumbs,
    }
)
"""Everything that can be drawn, by what it is."""


def _limb(start: Floats, end: Floats, first: float, last: float) -> Limb:
    return _pair(start), _pair(end), float(first), float(last)


def _pair(point: Floats) -> tuple[float, float]:
    return float(point[0]), float(point[1])
