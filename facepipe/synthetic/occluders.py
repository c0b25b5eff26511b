"""Things that cross the picture in front of people: a hand, a stick."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import cv2
import numpy as np

from facepipe.synthetic.camera import KEY
from facepipe.synthetic.fields import Floats, blurred
from facepipe.synthetic.people import SKINS

Occluder: TypeAlias = Literal["", "hand", "stick"]
Limb: TypeAlias = tuple[tuple[float, float], tuple[float, float], float]
"""Two ends and a radius, in pixels of a picture 256 high."""

_FINGERTIPS = ((-19, -62), (-7, -74), (6, -70), (18, -54))
_PALM: tuple[Limb, ...] = (
    ((-14, 22), (-38, -12), 6.0),  # thumb
    ((0, 8), (0, 20), 21.0),
    ((0, 30), (4, 170), 14.0),  # forearm
)
HAND: tuple[Limb, ...] = (
    *(((10.0 * place - 15, -4), tip, 5.2) for place, tip in enumerate(_FINGERTIPS)),
    *_PALM,
)
STICK: tuple[Limb, ...] = (((0, 160), (0, -150), 6.0),)
WOOD = (112, 74, 40)


def draw_occluder(
    kind: Literal["hand", "stick"], seed: int, progress: float, size_wh: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Colour `(H, W, 3)`, 0-255, and coverage `(H, W)`, 0-1, of an object on its way.

    Args:
        kind: What crosses the picture.
        seed: Decides its inclination and, of a hand, the skin.
        progress: 0 at the left of the picture, 1 at the right.
        size_wh: Of the picture.
    """
    rng, (width, height) = np.random.default_rng(seed + 53), size_wh
    zoom = min(width, height) / 256
    lean = np.radians(rng.uniform(-25, 5) + 22 * np.sin(2 * np.pi * progress))
    turn = zoom * np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    skin = SKINS[rng.integers(len(SKINS))]
    middle = (width * (-0.25 + 1.5 * progress), height * (0.60 + 0.08 * np.sin(5 * progress)))
    limbs = [
        (turn @ start + middle, turn @ end + middle, radius * zoom)
        for start, end, radius in (HAND if kind == "hand" else STICK)
    ]
    cover, bulge = _limbs(limbs, size_wh)
    tone = np.array(skin if kind == "hand" else WOOD, np.float32)
    return tone * _light(bulge, 1.2 * zoom)[..., None], cover


def _limbs(
    limbs: Sequence[tuple[Floats, Floats, float]], size_wh: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Coverage and height towards the camera `(H, W)` of round-ended cylinders."""
    cover = np.zeros(size_wh[::-1], np.uint8)
    bulge = np.zeros(size_wh[::-1], np.float32)
    for start, end, radius in limbs:
        one = np.zeros_like(cover)
        ends = [(int(16 * x), int(16 * y)) for x, y in (start, end)]
        cv2.line(one, ends[0], ends[1], 255, max(1, round(2 * radius)), cv2.LINE_AA, 4)
        inside = cv2.distanceTransform((one > 127).astype(np.uint8), cv2.DIST_L2, 3) / radius
        round_ = np.sqrt(np.clip(inside * (2 - inside), 0, 1)) * radius
        cover, bulge = np.maximum(cover, one), np.maximum(bulge, round_)
    return cover.astype(np.float32) / 255, bulge


def _light(bulge: Floats, soften_px: float) -> Floats:
    smooth = blurred(bulge, soften_px)
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    length = np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    lit = np.clip((KEY[2] - KEY[0] * slope_x - KEY[1] * slope_y) / length, 0, 1)
    return np.asarray(0.45 + 0.65 * lit, np.float32)
