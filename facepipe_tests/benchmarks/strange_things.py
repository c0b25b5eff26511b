"""Things before faces of kinds that no occluder is trained on."""

from itertools import pairwise

import cv2
import numpy as np

from facepipe.synthetic.sprites import Sprite, closed_curve, limbs, nothing, placed
from facepipe_tests.real import STILLS


def ring(rng, size_px):
    """A hoop, a racket's rim or the handle of a bag."""
    turn = np.linspace(0, 2 * np.pi, 33)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    ends = placed(circle, _middle(rng, size_px), size_px * rng.uniform(0.1, 0.3), 0, 0.8)
    thick = size_px * rng.uniform(0.015, 0.05)
    return limbs([[(*pair, thick, thick) for pair in pairwise(_pairs(ends))]], size_px)


def star(rng, size_px):
    """A star of five to eight points."""
    points = int(rng.integers(5, 9))
    turn = np.linspace(0, 2 * np.pi, 2 * points, endpoint=False)
    radius = np.where(np.arange(2 * points) % 2, rng.uniform(0.35, 0.6), 1.0)
    corners = np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)
    size = size_px * rng.uniform(0.12, 0.3)
    drawn = placed(corners, _middle(rng, size_px), size, rng.uniform(0, 7))
    return closed_curve(drawn, size_px, 0.5)


def twig(rng, size_px):
    """A twig with pointed leaves on both sides."""
    way = np.array([np.cos(turn := rng.uniform(0, 2 * np.pi)), np.sin(turn)])
    middle = np.array(_middle(rng, size_px))
    along = middle + np.linspace(-0.35, 0.35, 7)[:, None] * size_px * way
    thick = size_px * 0.008
    whole = limbs([[(*pair, thick, thick) for pair in pairwise(_pairs(along))]], size_px)
    share = np.linspace(0, 1, 20)
    half = np.stack([0.28 * np.sin(np.pi * share) ** 1.3, -share], 1)
    leaf = np.concatenate([half, half[::-1] * [-1, 1]])
    for place, root in enumerate(along):
        lean = turn + np.pi / 2 + (0.9 if place % 2 else -0.9) + rng.normal(0, 0.2)
        size = size_px * rng.uniform(0.1, 0.2)
        whole = closed_curve(placed(leaf, tuple(root), size, lean), size_px, 0.6).over(whole)
    return whole


def cable(rng, size_px):
    """A wire or a cord that winds across the face."""
    share = np.linspace(0, 1, 40)[:, None]
    start, end = size_px * rng.uniform(-0.1, 1.1, (2, 2))
    wave = size_px * rng.uniform(0.03, 0.15, 2) * np.sin(share * rng.uniform(4, 14))
    thick = size_px * rng.uniform(0.012, 0.025)
    line = _pairs(start + (end - start) * share + wave)
    return limbs([[(*pair, thick, thick) for pair in pairwise(line)]], size_px)


def card(rng, size_px):
    """A card, a telephone or a sheet with lines of writing."""
    wide, high = rng.uniform(0.5, 1), 1.0
    corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]])
    size, turn = size_px * rng.uniform(0.12, 0.28), rng.normal(0, 0.4)
    middle = _middle(rng, size_px)
    sheet = closed_curve(placed(corners, middle, size, turn), size_px, 0.05)
    ink = sheet.tint.copy()
    for row in np.linspace(-0.8, 0.8, int(rng.integers(2, 8))):
        ends = placed(np.array([[-0.8 * wide, row], [0.7 * wide, row]]), middle, size, turn)
        first, last = (tuple(int(value) for value in end) for end in ends)
        cv2.line(ink, first, last, 0.25, max(1, size_px // 90), cv2.LINE_AA)
    return Sprite(sheet.alpha, sheet.relief, ink)


def fur(rng, size_px):
    """A furry animal, or a fan of feathers: a middle with many spikes."""
    turn = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    radius = 1 + 0.1 * np.sin(3 * turn) + rng.uniform(-0.14, 0.14, 240)
    outline = np.stack([radius * np.cos(turn), 0.8 * radius * np.sin(turn)], 1)
    drawn = placed(outline, _middle(rng, size_px), size_px * rng.uniform(0.12, 0.25), 0)
    return closed_curve(drawn, size_px, 0.7)


KINDS = {"ring": ring, "star": star, "twig": twig, "cable": cable, "card": card, "fur": fur}


def texture(rng, kind, size_px):
    """Colours `(S, S, 3)` of one of them: a cat's fur, or two mixed colours of any kind."""
    if kind == "fur":
        cat = cv2.imread(str(STILLS / "noface_cat.jpg"))[40:200, 60:220, ::-1]
        return cv2.resize(cat, (size_px, size_px)).astype(np.float32)
    one, other = rng.uniform(10, 245, (2, 3))
    if kind == "twig":
        one, other = np.array([70, 110, 40]), np.array([120, 130, 60])
    coarse = rng.random((12, 12), np.float32)
    share = cv2.resize(coarse, (size_px, size_px), interpolation=cv2.INTER_CUBIC)[..., None]
    return (one + 0.5 * (other - one) * share).astype(np.float32)


def drawn(rng, kind, size_px):
    """One of them that covers a part of the square's middle, where faces are."""
    inner = np.s_[size_px // 5 : -size_px // 5, size_px // 5 : -size_px // 5]
    for _ in range(20):
        sprite = KINDS[kind](rng, size_px)
        if sprite.alpha[inner].mean() > 0.01:
            return sprite
    return nothing(size_px)


def _middle(rng, size_px):
    x, y = size_px * rng.normal(0.5, 0.12, 2)
    return float(x), float(y)


def _pairs(points):
    return [(float(x), float(y)) for x, y in points]
