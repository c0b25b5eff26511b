"""A mouth, painted on the face: lips, teeth and tongue follow formulas, so its points are known."""

from dataclasses import dataclass

import numpy as np

from facepipe.synthetic.fields import (
    Floats,
    bump,
    colour_of,
    mix,
    ridge,
    smooth_step,
)
from facepipe.synthetic.motion import Moment
from facepipe.synthetic.people import Identity

UPPER_RISE = 0.06
"""How far the upper lip rises, per unit of gap."""


@dataclass(frozen=True)
class _Lips:
    """Measures of a mouth at one moment, in head units."""

    half_width: float
    corner: float
    gap: float
    upper: float
    lower: float


def paint_mouth(
    who: Identity, rgb: Floats, pos: Floats, moment: Moment, pixel: float
) -> tuple[Floats, Floats]:
    """The skin around a mouth `(3, R, C)` with the mouth on it, and where `(R, C)` it is open.

    Args:
        who: Whose mouth.
        rgb: Colours of the skin.
        pos: `(3, R, C)` where it is.
        moment: Decides opening, rounding and smile.
        pixel: Size of a pixel, in head units; edges are softened by it.
    """
    (x, y, _), lips = pos, _lips(who, moment)
    s = x / lips.half_width
    arc = np.maximum(1 - s * s, 0)
    line = who.mouth_y + lips.corner * np.minimum(s * s, 1)
    upper = line - UPPER_RISE * lips.gap * arc  # the inner edges of the lips
    lower = line + lips.gap * arc**0.8
    rgb = _paint_lips(who, rgb, (x, y, s), (upper, lower, line), lips, pixel)
    hole = smooth_step(-0.6 * pixel, 0.6 * pixel, np.minimum(y - upper, lower - y))
    hole *= (arc > 0.02) * smooth_step(0.004, 0.02, np.array(lips.gap))
    rgb = _paint_inside(rgb, (x, y - who.mouth_y, s), y - upper, hole, lips.gap)
    corners = bump(np.abs(x), y, lips.half_width, who.mouth_y + lips.corner, 0.025, 0.02)
    return mix(rgb, 0.55 * colour_of(who.skin_rgb), 0.5 * corners), hole


def mouth_points(who: Identity, moment: Moment) -> Floats:
    """Corners (image's left first), then the lips' upper, inner and lower edges `(6, 2)`."""
    lips, y = _lips(who, moment), who.mouth_y
    inner_top, inner_bottom = y - UPPER_RISE * lips.gap, y + lips.gap
    return np.array(
        [
            [-lips.half_width, y + lips.corner],
            [lips.half_width, y + lips.corner],
            [0, inner_top - 0.84 * lips.upper],  # the dip of the cupid's bow
            [0, inner_top],
            [0, inner_bottom],
            [0, inner_bottom + lips.lower],
        ],
        np.float32,
    )


def mouth_opening(moment: Moment) -> float:
    """Distance of the lips' inner edges at the middle of the mouth, in head units."""
    return (1 + UPPER_RISE) * moment.mouth_open


def _lips(who: Identity, moment: Moment) -> _Lips:
    gap, smile = moment.mouth_open, moment.smile
    return _Lips(
        half_width=who.mouth_w * (1 - 0.20 * moment.mouth_narrow) + 0.04 * smile,
        corner=0.42 * gap - 0.04 * smile,
        gap=gap,
        upper=0.068 * who.lip_full * (1 - 0.2 * smile),
        lower=0.088 * who.lip_full * (1 - 0.15 * smile),
    )


def _paint_lips(
    who: Identity,
    rgb: Floats,
    at: tuple[Floats, Floats, Floats],
    edges: tuple[Floats, Floats, Floats],
    lips: _Lips,
    pixel: float,
) -> Floats:
    (x, y, s), (upper, lower, line) = at, edges
    arc, off_centre = np.maximum(1 - s * s, 0), np.abs(s)
    bow = 1 - 0.16 * ridge(s, 0.13) + 0.06 * ridge(off_centre - 0.24, 0.14)
    outer_top, outer_bottom = upper - lips.upper * arc**0.75 * bow, lower + lips.lower * arc**0.65
    cover = smooth_step(
        -0.012 - 0.6 * pixel, 0.012 + 0.6 * pixel, np.minimum(y - outer_top, outer_bottom - y)
    )
    tone = 1 + 0.06 * np.sin(70 * s + 3 * np.sin(9 * s)) - 0.16 * (y < line + 0.5 * lips.gap)
    tone += 0.10 * bump(x, y, 0, who.mouth_y + lips.gap + 0.4 * lips.lower, 0.12, 0.02)
    colour = colour_of(who.skin_rgb, (0.86, 0.68 - 0.24 * who.lip_red, 0.70 - 0.20 * who.lip_red))
    rgb = mix(rgb, colour * tone.astype(np.float32), 0.88 * cover * (off_centre < 1))
    from_edge = np.where(y < (upper + lower) / 2, y - upper, y - lower)
    seam = ridge(from_edge, 0.009 + 0.4 * pixel) * (off_centre < 1.02)
    return mix(rgb, 0.32 * colour, 0.85 * seam)


def _paint_inside(
    rgb: Floats, at: tuple[Floats, Floats, Floats], below_lip: Floats, hole: Floats, gap: float
) -> Floats:
    x, down, s = at
    rgb = mix(rgb, colour_of((44, 14, 16)), hole)
    tongue = smooth_step(0.55, 0.9, down / max(gap, 1e-6)) * smooth_step(0.75, 0.4, np.abs(s))
    rgb = mix(rgb, colour_of((150, 66, 66)), 0.8 * hole * tongue)
    teeth = smooth_step(0.06, 0.04, below_lip) * smooth_step(0.82, 0.7, np.abs(s))
    teeth *= smooth_step(0.02, 0.07, np.array(gap))
    between = np.abs((x / 0.052) % 1 - 0.5) > 0.44
    teeth *= 1 - 0.25 * between - 0.25 * np.abs(s)
    return mix(rgb, colour_of((214, 208, 194)), hole * teeth)
