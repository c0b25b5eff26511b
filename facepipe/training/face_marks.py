"""What belongs to a face though it looks laid before it: beards, lips, folds, glasses.

Drawn at the places where every stored square has eyes, nose and mouth, so that any face can bear
it. A network that never saw a beard like somebody's takes it for a thing in front of them.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from facepipe.arrays import FloatArray
from facepipe.synthetic.fields import Rgb, bump, smooth_step
from facepipe.synthetic.people import HAIRS

_EYES_Y, _EYE_X, _NOSE_Y, _MOUTH_Y, _MOUTH_X = 0.423, 0.110, 0.548, 0.677, 0.091
"""Shares of a stored square's side; x from its middle."""


def marked(rng: np.random.Generator, rgb: FloatArray, face: FloatArray) -> FloatArray:
    """A stored square `(P, P, 3)` whose face `(P, P)`, 0 to 1, bears some of what faces bear.

    About half of all squares stay as they are.
    """
    for odds, mark in _MARKS:
        if rng.random() < odds:
            colour, cover = mark(rng, len(rgb))
            cover = (cover * face)[..., None]
            rgb = np.asarray(rgb * (1 - cover) + colour * cover, np.float32)
    return rgb


def _beard(rng: np.random.Generator, side: int) -> tuple[FloatArray, FloatArray]:
    """Anything from a shadow on the lip to a full beard, its hairs let the skin through."""
    x, y = _grid(side)
    lip_y = (_NOSE_Y + 2 * _MOUTH_Y) / 3
    lip = bump(x, y, 0, lip_y, rng.uniform(0.05, 0.12), rng.uniform(0.015, 0.035))
    low = rng.uniform(_NOSE_Y, _MOUTH_Y + 0.06) + rng.uniform(0, 0.5) * np.maximum(0.1 - x, 0)
    jaw = smooth_step(0, rng.uniform(0.03, 0.12), np.asarray(y - low, np.float32))
    off_mouth = np.hypot(x / rng.uniform(0.08, 0.13), (y - _MOUTH_Y) / rng.uniform(0.02, 0.05))
    jaw = jaw * smooth_step(0.8, 1.3, off_mouth) * smooth_step(0.0, rng.uniform(0.02, 0.2), x + 0.1)
    share = rng.choice(np.array([[1, 1], [1, 0], [0.3, 1]]))
    grows = np.maximum(share[0] * lip, share[1] * jaw)
    hairs = cv2.GaussianBlur(rng.random((side, side), np.float32), (0, 0), rng.uniform(0.4, 1.4))
    hairs = np.clip((hairs - hairs.mean()) / (hairs.std() + 1e-6) * 0.35 + 0.7, 0, 1)
    return _colour(rng, HAIRS), np.asarray(grows * hairs * rng.uniform(0.25, 0.95), np.float32)


def _lips(rng: np.random.Generator, side: int) -> tuple[FloatArray, FloatArray]:
    """Lips of another colour, closed or around an open mouth."""
    x, y = _grid(side)
    high = rng.uniform(0.015, 0.05)
    off = np.hypot(x / (_MOUTH_X * rng.uniform(0.8, 1.2)), (y - _MOUTH_Y) / high)
    inner = smooth_step(0.9, 0.5, off) * (rng.random() < 0.4)
    red = np.array([rng.uniform(90, 220), rng.uniform(20, 110), rng.uniform(30, 120)], np.float32)
    colour = red * (1 - 0.85 * inner[..., None])
    cover = smooth_step(1.1, 0.8, off) * np.maximum(rng.uniform(0.2, 0.9), 0.9 * inner)
    return np.asarray(colour, np.float32), np.asarray(cover, np.float32)


def _folds(rng: np.random.Generator, side: int) -> tuple[FloatArray, FloatArray]:
    """Lines from the nose past the mouth, and below the eyes, as smiles and age make them."""
    lines = np.zeros((side, side), np.float32)
    thick = max(1, round(side * rng.uniform(0.006, 0.02)))
    for sign in (-1, 1):
        out = rng.uniform(0.01, 0.05)
        cheek = [(0.05, _NOSE_Y), (_MOUTH_X + out, _MOUTH_Y - 0.03), (_MOUTH_X, _MOUTH_Y + 0.05)]
        below = [(0.05, _EYES_Y + 0.05), (0.11, _EYES_Y + 0.065), (0.16, _EYES_Y + 0.05)]
        for line in (cheek, below):
            at = np.array([(0.5 + sign * x, y) for x, y in line]) * side
            cv2.polylines(lines, [at.round().astype(np.int32)], False, rng.uniform(0.2, 0.8), thick)
    soft = cv2.GaussianBlur(lines, (0, 0), side * rng.uniform(0.006, 0.02))
    return _colour(rng, [(90.0, 50.0, 40.0), (40.0, 25.0, 20.0)]), np.asarray(soft, np.float32)


def _glasses(rng: np.random.Generator, side: int) -> tuple[FloatArray, FloatArray]:
    """Round to square glasses, their lenses clear, tinted or shining."""
    frame, glass = np.zeros((side, side), np.float32), np.zeros((side, side), np.float32)
    wide, high = rng.uniform(0.06, 0.1), rng.uniform(0.04, 0.085)
    y, square = _EYES_Y + rng.uniform(-0.005, 0.03), rng.uniform(2, 6)
    turns = np.linspace(0, 2 * np.pi, 40)
    rim = np.sign(np.cos(turns)) * np.abs(np.cos(turns)) ** (2 / square), np.sin(turns)
    thick = max(1, round(side * rng.uniform(0.005, 0.025)))
    for sign in (-1, 1):
        middle = 0.5 + sign * _EYE_X * rng.uniform(0.95, 1.1)
        at = np.stack([middle + wide * rim[0], y + high * rim[1]], 1) * side
        lens = at.round().astype(np.int32)
        cv2.fillPoly(glass, [lens], 1.0)
        cv2.polylines(frame, [lens], True, 1.0, thick, cv2.LINE_AA)
        inner, outer = middle - sign * wide, middle + sign * wide
        for near, far in ((inner, 0.5), (outer, 0.5 + sign * 0.35)):
            high_px = round((y - 0.01) * side)
            ends = (round(near * side), high_px), (round(far * side), high_px)
            cv2.line(frame, ends[0], ends[1], 1.0, max(1, thick // 2), cv2.LINE_AA)
    tint = glass * rng.choice([0, 0, 0.15, 0.5]) * (0.3 + 0.7 * _grid(side)[1])
    colour = np.where(frame[..., None] > 0, _colour(rng, [*HAIRS, (150.0, 120.0, 60.0)]),
                      np.full(3, rng.choice([20.0, 240.0]), np.float32))  # fmt: skip
    cover = np.maximum(frame * rng.uniform(0.5, 1), tint)
    return np.asarray(colour, np.float32), np.asarray(cover, np.float32)


def _grid(side: int) -> tuple[FloatArray, FloatArray]:
    """How far each pixel is from the middle line, and from the top, as shares of the side."""
    place = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = np.meshgrid(np.abs(place - 0.5), place)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _colour(rng: np.random.Generator, table: Sequence[Rgb]) -> FloatArray:
    chosen = np.array(table[int(rng.integers(len(table)))], np.float32)
    return np.asarray(chosen * rng.uniform(0.6, 1.3), np.float32)


_Mark = Callable[[np.random.Generator, int], tuple[FloatArray, FloatArray]]
_MARKS: tuple[tuple[float, _Mark], ...] = (
    (0.3, _beard), (0.15, _lips), (0.15, _folds), (0.15, _glasses),
)  # fmt: skip
