"""What sits on a head besides its face and hair: ears and glasses."""

import numpy as np

from facepipe.synthetic.fields import Floats, bump, colour_of, mix, smooth_step, xyz
from facepipe.synthetic.people import Identity
from facepipe.synthetic.surfaces import (
    OTHER,
    SKIN,
    Samples,
    from_grid,
    grid_normals,
    rotation,
    spread,
)

FRAME_RADIUS = 0.019
"""Half the thickness of a glasses' frame."""
TUBE_SIDES = 8


def ear_samples(who: Identity, side: int, gap: float) -> Samples:
    """The ear on the image's left (`side` -1) or right (1)."""
    turned = rotation(-side * 26, -8, 0)

    def surface(around: Floats, down: Floats) -> Floats:
        lobe = 1 - 0.28 * smooth_step(0.0, 1.0, -np.cos(down))
        width, depth = 0.07 * np.cos(around), 0.16 * np.sin(around) * lobe
        shape = xyz(width * np.sin(down), -0.28 * np.cos(down), depth * np.sin(down))
        return np.einsum("ij,jrc->irc", turned, shape)

    pos = surface(*spread(surface, (-np.pi, np.pi), (0.03, np.pi - 0.03), gap))
    nrm = grid_normals(pos)
    nrm *= np.sign((nrm * pos).sum(0))
    hollow = 0.8 * bump(pos[1], pos[2], 0, 0.02, 0.13, 0.07)
    skin = colour_of(who.skin_rgb, (0.97, 0.86, 0.84))
    rgb = mix(skin, 0.45 * colour_of(who.skin_rgb), hollow)
    place = np.array([side * 0.79 * who.width, 0.14, -0.10], np.float32)
    return from_grid(pos + place[:, None, None], rgb, (0.2, SKIN), nrm)


def glasses_samples(who: Identity, gap: float) -> Samples:
    """Two rims, two temples and a bridge of dark wire."""
    around = np.linspace(0, 2 * np.pi, TUBE_SIDES + 1)[:-1, None]
    curves = _wires(who, int(1.1 / gap))
    tube = xyz(np.cos(around), np.sin(around), 0.5 * np.sin(around))
    tube = np.tile(tube, (1, len(curves), curves[0].shape[1]))
    pos = np.concatenate([np.repeat(curve[:, None], TUBE_SIDES, 1) for curve in curves], axis=1)
    return from_grid(pos + FRAME_RADIUS * tube, colour_of((36, 30, 34)), (0.8, OTHER), tube)


def _wires(who: Identity, count: int) -> list[Floats]:
    """Middle lines `(3, count)` of the frame's wires."""
    turn, along = np.linspace(0, 2 * np.pi, count), np.linspace(0, 1, count)
    right, down = _squarish(np.cos(turn)), _squarish(np.sin(turn))
    hinge = who.eye_x + 0.21
    temple = hinge + along * (0.81 * who.width - hinge)
    rims = [
        xyz(
            side * (who.eye_x + 0.01) + 0.205 * right,
            0.03 + 0.155 * down,
            0.98 - 0.10 * side * np.cos(turn),
        )
        for side in (-1, 1)
    ]
    temples = [xyz(side * temple, -0.02 + 0.02 * along, 0.88 - along) for side in (-1, 1)]
    bridge_x = (2 * along - 1) * (who.eye_x - 0.19)
    return [*rims, *temples, xyz(bridge_x, -0.02 * np.cos(3 * along - 1.5), 1.07)]


def _squarish(circle: Floats) -> Floats:
    return np.asarray(np.sign(circle) * np.abs(circle) ** 0.75, np.float32)
