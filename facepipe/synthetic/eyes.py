"""An eye, painted on the face: its lids and pupil are where formulas say, so they are known."""

import numpy as np

from facepipe.synthetic.fields import (
    Floats,
    colour_of,
    mix,
    ridge,
    smooth_step,
)
from facepipe.synthetic.motion import Moment
from facepipe.synthetic.people import Identity

IRIS_RADIUS = 0.062
PUPIL_RADIUS = 0.026
LOWER_LID = 0.36
"""Share of the eye's height below the line between its corners."""


def paint_eye(
    who: Identity, rgb: Floats, pos: Floats, side: int, moment: Moment, pixel: float
) -> Floats:
    """The skin around an eye `(3, R, C)`, with the eye painted on it.

    Args:
        who: Whose eye.
        rgb: Colours of the skin.
        pos: `(3, R, C)` where it is.
        side: -1 for the eye on the image's left, 1 for the other.
        moment: Decides blink and gaze.
        pixel: Size of a pixel, in head units; edges are softened by it.
    """
    (x, y, _), (px, py) = pos, _pupil(who, side, moment)
    s = (side * x - who.eye_x) / who.eye_w  # -1 at the inner corner, 1 at the outer one
    tilted = y + who.eye_tilt * s
    low, top = _lids(who, s, moment.blink)
    rgb = _paint_crease(who, rgb, s, tilted - top, moment.blink)
    ball = _eyeball(who, s, tilted - top, (x - px, y - py), pixel)
    inside = smooth_step(-0.5 * pixel, 0.7 * pixel, np.minimum(tilted - top, low - tilted))
    rgb = mix(rgb, ball, inside * (np.abs(s) < 1))
    lash = ridge(tilted - top + 0.004, 0.011 + 0.4 * pixel) * (np.abs(s) < 1.04)
    rgb = mix(rgb, 0.3 * colour_of(who.hair_rgb), 0.85 * lash * smooth_step(-1.1, -0.2, s))
    rim = ridge(tilted - low - 0.004, 0.010) * (np.abs(s) < 1)
    return mix(rgb, 0.45 * colour_of(who.skin_rgb), 0.5 * rim)


def eye_points(who: Identity, side: int, moment: Moment) -> Floats:
    """Outer corner, inner corner, pupil, upper lid, lower lid `(5, 2)` on the frontal plane."""
    bottom = LOWER_LID * who.eye_h
    lid = bottom - eye_opening(who, moment)

    def at(along: float, y: float) -> tuple[float, float]:
        return side * (who.eye_x + along * who.eye_w), y - who.eye_tilt * along

    pupil = _pupil(who, side, moment)
    return np.array([at(1, 0), at(-1, 0), pupil, at(0, lid), at(0, bottom)], np.float32)


def eye_opening(who: Identity, moment: Moment) -> float:
    """Distance of the lids at the middle of an eye, in head units."""
    return who.eye_h * (1 - moment.blink)


def pupil_shows(who: Identity, side: int, moment: Moment) -> bool:
    """Whether the middle of the pupil lies between the lids."""
    x, y = _pupil(who, side, moment)
    s = np.array((side * x - who.eye_x) / who.eye_w)
    low, top = _lids(who, s, moment.blink)
    tilted = y + who.eye_tilt * s
    return bool((abs(s) < 1) & (top < tilted) & (tilted < low))


def _pupil(who: Identity, side: int, moment: Moment) -> tuple[float, float]:
    return side * who.eye_x + moment.gaze_x, moment.gaze_y - 0.012


def _lids(who: Identity, s: Floats, blink: float) -> tuple[Floats, Floats]:
    """The lower and the upper lid's y along the eye."""
    arc = np.maximum(1 - s * s, 0)
    low = LOWER_LID * who.eye_h * arc
    return np.asarray(low), np.asarray(low - who.eye_h * (1 - blink) * arc**0.75)


def _paint_crease(who: Identity, rgb: Floats, s: Floats, below_lid: Floats, blink: float) -> Floats:
    above = 0.048 * (1 - 0.6 * blink) * np.maximum(1.25 - s * s, 0)
    crease = ridge(below_lid + above, 0.013) * (np.abs(s) < 1.1)
    return mix(rgb, 0.55 * colour_of(who.skin_rgb), 0.5 * crease)


def _eyeball(
    who: Identity, s: Floats, below_lid: Floats, from_pupil: tuple[Floats, Floats], pixel: float
) -> Floats:
    """White, tear duct, iris, pupil and glint `(3, R, C)`."""
    shade, (dx, dy) = smooth_step(0.045, 0, below_lid), from_pupil
    white = colour_of((208, 202, 197)) * (1 - 0.30 * s * s - 0.35 * shade)
    eye = mix(white, colour_of((186, 116, 108)), smooth_step(0.80, 0.98, -s))
    radius, edge = np.hypot(dx, dy), IRIS_RADIUS
    tone = 0.75 + 0.55 * radius / edge + 0.12 * np.sin(11 * np.arctan2(dy, dx))
    tone -= 0.5 * smooth_step(0.8 * edge, edge, radius)
    iris = colour_of(who.iris_rgb) * (tone * (1 - 0.3 * shade)).astype(np.float32)
    eye = mix(eye, iris, smooth_step(edge + 0.5 * pixel, edge - 0.7 * pixel, radius))
    pupil = smooth_step(PUPIL_RADIUS + 0.4 * pixel, PUPIL_RADIUS - 0.4 * pixel, radius)
    eye = mix(eye, colour_of((8, 7, 8)), pupil)
    glint = smooth_step(0.018, 0.008, np.hypot(dx + 0.02, dy + 0.024))
    return mix(eye, colour_of((250, 250, 250)), 0.95 * glint)
