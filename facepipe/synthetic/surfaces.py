"""Densely sampled surfaces: positions, normals and colours of what will be drawn.

Units: 1 = 10 cm, origin between the eyes, x to the image's right, y down, z towards the camera.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray
from facepipe.synthetic.fields import Floats, curve

NO_LABEL, SKIN, FACE, HAIR, OTHER = range(5)
"""What a sample belongs to; `FACE` is the skin inside the face oval."""
MOST_AWAY = -0.2
"""Samples whose normal points further from the camera (by this cosine) than that are not drawn."""

Surface = Callable[[Floats, Floats], Floats]
"""Takes a row of u `(1, C)` and a column of v `(R, 1)` to positions `(3, R, C)`."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Points on surfaces.

    Attributes:
        pos: `(3, N)` where they are.
        nrm: `(3, N)` unit normals.
        rgb: `(3, N)` their colour under white light, 0-255.
        shine: `(N,)` strength of the highlight, 0-1.
        label: `(N,)` `SKIN`, `FACE`, `HAIR` or `OTHER`.
    """

    pos: Floats
    nrm: Floats
    rgb: Floats
    shine: Floats
    label: NDArray[np.uint8]

    def where(self, keep: NDArray[Any]) -> "Samples":
        """The samples that `keep` `(N,)` marks."""
        return Samples(
            *(np.compress(keep, array, axis=1) for array in (self.pos, self.nrm, self.rgb)),
            shine=self.shine[keep],
            label=self.label[keep],
        )

    def facing(self, tilt_deg: float) -> "Samples":
        """Without those that stay turned away however the surface tilts by up to `tilt_deg`."""
        limit = np.arccos(MOST_AWAY) + np.radians(tilt_deg)
        return self.where(self.nrm[2] > np.cos(min(limit, np.pi)))


def from_grid(
    pos: Floats,
    rgb: Floats,
    look: tuple[float, int],
    nrm: Floats,
    keep: BoolArray | None = None,
) -> Samples:
    """The samples of a grid of positions, colours and normals `(3, R, C)`.

    Args:
        pos: Positions.
        rgb: Colours, broadcast against the positions.
        look: Shine and label of all samples.
        nrm: Unit normals.
        keep: `(R, C)` which samples exist; all of them when None.
    """
    chosen = np.ones(pos.shape[1:], bool) if keep is None else keep
    colours = np.broadcast_to(rgb, pos.shape)
    count = int(chosen.sum())
    return Samples(
        *(np.stack([plane[chosen] for plane in grid]) for grid in (pos, nrm, colours)),
        shine=np.full(count, look[0], np.float32),
        label=np.full(count, look[1], np.uint8),
    )


def join(parts: Sequence[Samples]) -> Samples:
    """All samples of all parts, in order."""
    return Samples(
        np.concatenate([part.pos for part in parts], axis=1),
        np.concatenate([part.nrm for part in parts], axis=1),
        np.concatenate([part.rgb for part in parts], axis=1),
        np.concatenate([part.shine for part in parts]),
        np.concatenate([part.label for part in parts]),
    )


def grid_normals(pos: Floats) -> Floats:
    """Unit normals `(3, R, C)` of a surface, from the differences between its samples."""
    (ax, ay, az), (bx, by, bz) = np.gradient(pos, axis=2), np.gradient(pos, axis=1)
    normal = np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])
    length = np.sqrt((normal**2).sum(0)) + 1e-12
    return np.asarray(normal / length, np.float32)


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Floats:
    """`(3, 3)`: pitch, then yaw, then roll.

    Yaw > 0 turns the nose to the image's right, pitch > 0 turns it down, roll > 0 is clockwise.
    """
    angles = np.radians([yaw_deg, pitch_deg, roll_deg])
    (cy, cp, cr), (sy, sp, sr) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x, np.float32)


def spread(
    surface: Surface,
    u: tuple[float, float],
    v: tuple[float, float],
    gap: float,
    share: float = 1.0,
) -> tuple[Floats, Floats]:
    """A row of u `(1, C)` and a column of v `(R, 1)` whose samples lie at most `gap` apart.

    Args:
        surface: What is sampled.
        u: First and last u.
        v: First and last v.
        gap: Largest distance between neighbours.
        share: Share of the rows, and of the columns, that must keep to it.
    """
    fine_u, fine_v = np.linspace(*u, 200), np.linspace(*v, 200)
    pos = surface(fine_u[None], fine_v[:, None])
    steps_u, steps_v = (
        np.quantile(np.sqrt((np.diff(pos, axis=axis) ** 2).sum(0)), share, axis=2 - axis)
        for axis in (2, 1)
    )
    return _even(steps_u, fine_u, gap)[None], _even(steps_v, fine_v, gap)[:, None]


def _even(steps: Floats, fine: Floats, gap: float) -> Floats:
    """Parameters a `gap` apart, where those of `fine` are `steps` apart."""
    along = np.concatenate([[0.0], np.cumsum(steps)])
    length = float(along[-1])
    return curve(np.linspace(0, length, int(length / gap) + 2), along, fine)
