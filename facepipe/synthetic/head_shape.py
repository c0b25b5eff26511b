"""The form of a head: an egg, and the relief of a face on its front."""

from dataclasses import dataclass

import numpy as np

from facepipe.synthetic.fields import Floats, blurred, bump, curve, smooth_step, xyz
from facepipe.synthetic.people import Identity


@dataclass(frozen=True, eq=False)
class Relief:
    """A sampled face, `(3, R, C)` each: `rest`, and what moves it.

    A mouth opened by g and a smile of s put the samples at `rest + g * jaw + s * smile`.
    """

    rest: Floats
    jaw: Floats
    smile: Floats


def egg(who: Identity, azimuth: Floats, descent: Floats) -> Floats:
    """The smooth head, at azimuths (0 in front) and descents (0 at the crown, 1 at the chin)."""
    top, bottom = who.crown_y, who.bottom_y
    s = np.sin(np.pi * descent)
    y = (top + bottom) / 2 - (bottom - top) / 2 * np.cos(np.pi * descent)
    low, ahead = smooth_step(-0.3, 0.8, y), np.cos(azimuth)
    width = 0.755 * who.width * s ** (0.60 + 0.12 * low)
    width *= 1 - (1 - 0.88 * who.jaw) * smooth_step(0.15, 0.95, y)
    front = 0.92 * s ** (0.5 - 0.17 * low)
    back = 0.95 * s**0.5 * (1 - 0.35 * smooth_step(0.2, 1.0, y))
    depth = np.where(ahead > 0, front, back) * np.sign(ahead) * np.abs(ahead) ** 0.86
    return xyz(width * np.sin(azimuth), y, depth)


def relief(who: Identity, azimuth: Floats, descent: Floats) -> Relief:
    """The egg with a face on it."""
    pos = egg(who, azimuth, descent)
    x, y, z = pos
    front = smooth_step(0.0, 0.45, z)
    height = _bones(who, np.abs(x), x, y) + _mouth_and_chin(who, x, y) + _nose(who, np.abs(x), x, y)
    z += height * front
    return Relief(pos, _jaw_motion(who, pos, front), _smile_motion(who, pos, front))


def _bones(who: Identity, ax: Floats, x: Floats, y: Floats) -> Floats:
    height = 0.05 * bump(ax, y, 0.26, -0.19, 0.24, 0.08)  # brow ridge
    height += 0.03 * bump(x, y, 0, -0.16, 0.12, 0.10)
    height -= 0.105 * bump(ax, y, who.eye_x - 0.02, 0.0, 0.17, 0.115)  # socket
    height += 0.055 * bump(ax, y, who.eye_x, 0.005, 0.125, 0.085)  # eyeball under the lids
    height += who.cheek * bump(ax, y, 0.43, 0.24, 0.18, 0.16)
    height -= (0.01 + 0.4 * who.cheek) * bump(ax, y, 0.42, 0.62, 0.14, 0.16)
    return height


def _mouth_and_chin(who: Identity, x: Floats, y: Floats) -> Floats:
    mouth, chin = who.mouth_y, who.bottom_y - 0.11
    height = 0.06 * bump(x, y, 0, mouth, 0.30, 0.22)  # muzzle
    height += 0.04 * who.lip_full * bump(x, y, 0, mouth - 0.045, 0.19, 0.035)
    height += 0.05 * who.lip_full * bump(x, y, 0, mouth + 0.06, 0.17, 0.04)
    height -= 0.03 * bump(x, y, 0, mouth + 0.005, 0.26, 0.022)  # between the lips
    height -= 0.05 * bump(x, y, 0, (mouth + chin) / 2 + 0.03, 0.22, 0.06)
    height += (0.16 + who.chin) * bump(x, y, 0, chin, 0.22, 0.13)
    height -= 0.02 * bump(x, y, 0, who.nose_y + 0.17, 0.025, 0.05)  # philtrum
    return height


def _nose(who: Identity, ax: Floats, x: Floats, y: Floats) -> Floats:
    tip, wide = who.nose_y, who.nose_w
    rows = np.linspace(-0.3, 1.0, 1300)
    profile_y = [-0.14, -0.03, 0.12, tip - 0.08, tip - 0.01, tip + 0.035, tip + 0.085, tip + 0.13]
    profile = np.array([0.0, 0.05, 0.14, 0.285, 0.315, 0.27, 0.10, 0.0]) * who.nose_out
    bridge = curve(y, rows, blurred(curve(rows, profile_y, profile)[None], 15)[0])
    half_width = (0.085 + 0.05 * smooth_step(0.05, tip, y)) * wide
    height = bridge * np.exp(-((ax / half_width) ** 2.1))
    height += (
        0.115 * np.sqrt(wide) * bump(ax, y, 0.125 * wide, tip + 0.015, 0.055 * wide, 0.06)
    )  # nostril wings
    return np.asarray(height, np.float32)


def _jaw_motion(who: Identity, pos: Floats, front: Floats) -> Floats:
    """Down and back, all of it below the lower lip, none above the upper one."""
    (x, y, z), mouth = pos, who.mouth_y
    ax = np.abs(x)
    slit = (1 - smooth_step(0.85, 1.3, ax / who.mouth_w)) * front
    cheeks = smooth_step(mouth - 0.28, mouth + 0.34, y)
    lips = smooth_step(mouth - 0.004, mouth + 0.035, y)
    drop = cheeks * (1 - slit) + lips * slit
    drop *= smooth_step(-0.1, 0.5, z) * (1 - 0.35 * smooth_step(0.25, 0.75, ax))
    return xyz(0.0, drop, -0.30 * drop)


def _smile_motion(who: Identity, pos: Floats, front: Floats) -> Floats:
    """The corners of the mouth out and up, the cheeks forward."""
    x, y, _ = pos
    ax = np.abs(x)
    corner = bump(ax, y, who.mouth_w, who.mouth_y, 0.17, 0.15) * front
    cheek = bump(ax, y, 0.42, 0.30, 0.16, 0.13) * front
    return xyz(0.06 * np.sign(x) * corner, -0.05 * corner, 0.05 * cheek)
