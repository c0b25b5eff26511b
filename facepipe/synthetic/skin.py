"""The colour of a face at rest: grain, blush, folds, nostrils, beard, brows, freckles, moles."""

import numpy as np

from facepipe.synthetic.decals import Decals, draw_decals
from facepipe.synthetic.fields import (
    Floats,
    blurred,
    bump,
    colour_of,
    curve,
    mix,
    ridge,
    smooth_noise,
    smooth_step,
)
from facepipe.synthetic.people import Identity

HOLLOW_REACH = 0.075
"""How far around a sample the surface is averaged to tell whether the sample lies in a hollow."""


def paint_skin(
    who: Identity, pos: Floats, nrm: Floats, per_unit: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Colours `(3, R, C)`, 0-255, of a face, and `(R, C)` how much of it hair and spots cover.

    Args:
        who: Whose face.
        pos: `(3, R, C)` the face at rest.
        nrm: Its normals.
        per_unit: Pixels per unit the face will be drawn with.
        rng: Decides grain, freckles and single hairs.
    """
    front = smooth_step(0.0, 0.45, pos[2])
    rgb = _blushed(who, pos, front, rng)
    rgb = _folded(who, rgb, pos, front)
    rgb, cover = _with_decals(who, rgb, pos, draw_decals(who, rng))
    return rgb * _shadow(who, pos, nrm, HOLLOW_REACH * per_unit), cover


def _blushed(who: Identity, pos: Floats, front: Floats, rng: np.random.Generator) -> Floats:
    (x, y, _), (rows, cols) = pos, pos.shape[1:]
    grain = 0.025 * smooth_noise(rng, (rows, cols), 9, 12)
    grain += 0.022 * smooth_noise(rng, (rows, cols), 60, 70)
    grain += 0.016 * smooth_noise(rng, (rows, cols), rows // 2, cols // 2)
    cheeks = who.blush * bump(np.abs(x), y, 0.40, 0.28, 0.18, 0.16)
    nose = (0.15 + 0.3 * who.blush) * bump(x, y, 0, who.nose_y, 0.13, 0.10)
    patches = 0.2 * smooth_noise(rng, (rows, cols), 14, 18).clip(0, 1) * front
    base = colour_of(who.skin_rgb) * (1 + grain)
    return mix(base, colour_of(who.skin_rgb, (0.97, 0.74, 0.74)), cheeks + nose + patches)


def _folded(who: Identity, rgb: Floats, pos: Floats, front: Floats) -> Floats:
    (x, y, _), mouth, nose = pos, who.mouth_y, who.nose_y
    ax = np.abs(x)
    under_eye = who.wrinkle * bump(ax, y, who.eye_x - 0.03, 0.13, 0.13, 0.035)
    lid = bump(ax, y, who.eye_x, -0.07, 0.17, 0.05)
    rgb = mix(rgb, colour_of(_dimmed(who, 0.55)), who.eye_shadow * np.maximum(under_eye, lid))
    fold_x = [0.19, who.mouth_w + 0.075, who.mouth_w + 0.085]
    fold = ax - curve(y, [nose - 0.02, mouth - 0.02, mouth + 0.12], fold_x)
    lines = ridge(fold, 0.022) * smooth_step(nose - 0.06, nose + 0.04, y)
    lines *= smooth_step(mouth + 0.1, mouth - 0.06, y)
    waves = np.maximum(np.sin(70 * (y + 0.03 * np.cos(5 * x))), 0) ** 6
    lines += 0.8 * waves * bump(x, y, 0, -0.45, 0.35, 0.11)
    return mix(rgb, colour_of(_dimmed(who, 0.66)), (0.12 + 0.33 * who.wrinkle) * lines * front)


def _with_decals(who: Identity, rgb: Floats, pos: Floats, decals: Decals) -> tuple[Floats, Floats]:
    x, y, z = pos
    front = smooth_step(-0.2, 0.15, z)
    spots, brows, stubble = (plane * front for plane in decals.at(x, y))
    beard = who.beard * _beard(who, x, y) * stubble
    rgb = mix(rgb, _blend(who, 0.7, 0.15), beard)
    rgb = mix(rgb, colour_of(_dimmed(who, 0.55)), spots)
    rgb = mix(rgb, _blend(who, 0.75, 0.05), brows)
    nostril = np.hypot(
        (np.abs(x) - 0.072 * who.nose_w) / (0.048 * who.nose_w), (y - who.nose_y - 0.078) / 0.026
    )
    nostril = smooth_step(1.0, 0.55, nostril) * smooth_step(0.0, 0.45, z)
    rgb = mix(rgb, colour_of(_dimmed(who, 0.16)), 0.9 * nostril)
    return rgb, np.maximum(np.maximum(beard, brows), spots)


def _blend(who: Identity, hair: float, skin: float) -> Floats:
    """The colour of hair through which skin shows."""
    return hair * colour_of(who.hair_rgb) + skin * colour_of(who.skin_rgb)


def _beard(who: Identity, x: Floats, y: Floats) -> Floats:
    """Where hair grows, 0 to 1: the jaw and around the mouth."""
    grows = smooth_step(0.16, 0.3, np.hypot(x, (y - 0.3) * 0.9)) * smooth_step(0.05, 0.2, y)
    sideways = 0.6 * np.maximum(np.abs(x) - 0.3, 0)
    grows *= smooth_step(who.mouth_y - 0.24, who.mouth_y + 0.1, y + sideways)
    return np.maximum(grows, bump(x, y, 0, who.mouth_y - 0.13, 0.22, 0.05))


def _shadow(who: Identity, pos: Floats, nrm: Floats, reach_px: float) -> Floats:
    """What light reaches a sample, 0 to 1: less in hollows and under the chin."""
    around = np.stack([blurred(plane, reach_px) for plane in pos])
    hollow = ((around - pos) * nrm).sum(0)
    light = np.clip(1 - 9.0 * np.maximum(hollow - 0.004, 0), 0.5, 1)
    under_chin = smooth_step(0.4, 0.9, nrm[1]) * (pos[1] > who.mouth_y + 0.3)
    return np.asarray(light * (1 - 0.35 * under_chin), np.float32)


def _dimmed(who: Identity, factor: float) -> tuple[float, float, float]:
    red, green, blue = who.skin_rgb
    return red * factor, green * factor, blue * factor
