"""Outlines and reliefs of things that come before a face, drawn on a square of any size.

Shapes are made of rounded, tapering limbs and of smooth closed curves; nothing here has a colour.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.synthetic.fields import Floats

Point = tuple[float, float]
Limb = tuple[Point, Point, float, float]
"""Two ends, and the radius at each, in pixels."""


@dataclass(frozen=True, eq=False)
class Sprite:
    """A thing without colours, on a square.

    Attributes:
        alpha: `(S, S)` 0 to 1, how much of each pixel it covers.
        relief: `(S, S)` height towards the camera, in pixels.
        tint: `(S, S)` what its material is darkened or lightened by, 1 where by nothing.
    """

    alpha: Floats
    relief: Floats
    tint: Floats

    def over(self, below: "Sprite") -> "Sprite":
        """This one laid over another."""
        return Sprite(
            np.maximum(self.alpha, below.alpha),
            self.relief * self.alpha + below.relief * (1 - self.alpha),
            self.tint * self.alpha + below.tint * (1 - self.alpha),
        )


def nothing(size_px: int) -> Sprite:
    """A sprite that covers no pixel."""
    empty = np.zeros((size_px, size_px), np.float32)
    return Sprite(empty, empty.copy(), np.ones_like(empty))


def limbs(members: Iterable[Sequence[Limb]], size_px: int) -> Sprite:
    """Round-ended, tapering limbs, one member after the other over those before it.

    The limbs of a member run into each other; a dark seam sets members apart.
    """
    whole = nothing(size_px)
    for member in members:
        _lay_member(whole, member)
    return whole


def _lay_member(whole: Sprite, member: Sequence[Limb]) -> None:
    """Lay a member over what is there, in place, looking only at the pixels it reaches."""
    size_px = len(whole.alpha)
    ends = np.array([end for limb in member for end in limb[:2]])
    thick = max(max(limb[2:]) for limb in member) + 2
    first = np.clip(np.floor(ends.min(0) - thick), 0, size_px).astype(int)
    last = np.clip(np.ceil(ends.max(0) + thick), 0, size_px).astype(int)
    if (last <= first).any():
        return
    here = np.s_[first[1] : last[1], first[0] : last[0]]
    y, x = np.mgrid[here].astype(np.float32)
    alpha, relief = np.zeros_like(x), np.zeros_like(x)
    for limb in member:
        radius, depth = _depth(limb, x, y)
        inside = np.clip(depth / np.maximum(radius, 1e-3), 0, 1)
        relief = np.maximum(relief, radius * np.sqrt(inside * (2 - inside)))
        alpha = np.maximum(alpha, np.clip(depth + 0.5, 0, 1))
    seam = 1 - 0.3 * np.exp(-np.square(relief / (0.3 * thick)))
    for plane, own in ((whole.relief, relief), (whole.tint, seam)):
        plane[here] += (own - plane[here]) * alpha
    whole.alpha[here] = np.maximum(whole.alpha[here], alpha)


def _depth(limb: Limb, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The limb's radius nearest to each pixel, and how deep inside it the pixel lies."""
    start, end = np.array(limb[0], np.float32), np.array(limb[1], np.float32)
    along = end - start
    length = max(float(along @ along), 1e-3)
    share = np.clip(((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length, 0, 1)
    off = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
    radius = np.float32(limb[2]) + share * np.float32(limb[3] - limb[2])
    return radius, radius - off


def closed_curve(corners_px: Floats, size_px: int, bulge: float) -> Sprite:
    """The inside of an outline `(N, 2)`, rising over `bulge` of its own size to its middle."""
    fine = np.zeros((2 * size_px, 2 * size_px), np.uint8)
    sixteenths = np.round((corners_px * 2 + 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [sixteenths], 255, cv2.LINE_AA, 4)
    alpha = cv2.resize(fine, (size_px, size_px), interpolation=cv2.INTER_AREA) / np.float32(255)
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    reach = max(float(depth.max()) * bulge, 1.0)
    inside = np.clip(depth / reach, 0, 1)
    relief = reach * np.sqrt(inside * (2 - inside))
    return Sprite(alpha, relief.astype(np.float32), np.ones_like(alpha))


def rounded(rng: np.random.Generator, corners: int, roughness: float) -> Floats:
    """A smooth closed outline `(96, 2)` around the origin, about 1 in radius."""
    turn = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    radius = np.ones(96)
    for wave in range(1, corners + 1):
        size = roughness * rng.normal() / np.sqrt(wave)
        radius = radius + size * np.cos(wave * turn + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.15)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], 1)


def placed(points: Floats, middle: Point, size_px: float, turn: float, slim: float = 1) -> Floats:
    """Points `(N, 2)` made `size_px` large, `slim` across, turned by radians, and moved."""
    stretched = points * np.array([slim, 1.0]) * size_px
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return stretched @ turned.T + np.array(middle)
