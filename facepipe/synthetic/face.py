"""One person's face: built once, then put into any expression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray
from facepipe.synthetic.eyes import eye_points, paint_eye, pupil_shows
from facepipe.synthetic.fields import Floats, curve, smooth_step
from facepipe.synthetic.head_shape import Relief, egg, relief
from facepipe.synthetic.motion import MOUTH_OPEN, Moment
from facepipe.synthetic.mouth import mouth_points, paint_mouth
from facepipe.synthetic.people import Identity
from facepipe.synthetic.skin import paint_skin
from facepipe.synthetic.surfaces import FACE, SKIN, Samples, grid_normals, spread
from facepipe.synthetic.truth import POINT_NAMES

Window = tuple[slice, slice, slice]
"""A part of a grid `(3, R, C)`."""
EVEN_SHARE = 0.9
"""The flanks of the nose may be sampled thinner: nothing that differs lies behind them."""
LIP_DEPTH = 0.10
"""How far the inside of the mouth lies behind the lips."""


@dataclass(frozen=True, eq=False)
class Expression:
    """A face at one moment: what to draw, and what is known about it.

    Attributes:
        samples: The face's surface.
        points: `(3, K)` places of `POINT_NAMES` in the head's coordinates.
        uncovered: `(K,)` false for the pupils behind closed lids.
    """

    samples: Samples
    points: Floats
    uncovered: BoolArray


class Face:
    """The face of `who`, sampled `gap` apart, for pictures of `per_unit` pixels per head unit."""

    def __init__(self, who: Identity, per_unit: float, gap: float) -> None:
        self._who, self._pixel = who, 1 / per_unit
        azimuth, descent = _parameters(who, gap)
        self._shape = relief(who, azimuth, descent)
        self._moving = _moving_rows(self._shape)
        self._nrm = grid_normals(self._shape.rest)
        self._nrm_jaw, self._nrm_smile = self._normal_changes()
        rng = np.random.default_rng([who.seed, 1])
        self._rgb, cover = paint_skin(who, self._shape.rest, self._nrm, per_unit, rng)
        self._shine = (0.6 * smooth_step(0.0, 0.45, self._shape.rest[2]) * (1 - cover)).ravel()
        self._label = self._labels(azimuth)
        self._tip, self._chin = self._landmark_samples(azimuth)
        self._eyes = [self._eye_window(side) for side in (-1, 1)]
        self._mouth = self._mouth_window()

    def express(self, moment: Moment) -> Expression:
        """The face at `moment`."""
        pos, nrm = self._shape.rest.copy(), self._nrm.copy()
        rows = self._moving
        pos[:, rows] += moment.mouth_open * self._shape.jaw[:, rows]
        pos[:, rows] += moment.smile * self._shape.smile[:, rows]
        nrm[:, rows] += moment.mouth_open * self._nrm_jaw + moment.smile * self._nrm_smile
        rgb = self._rgb.copy()
        for side, eye in zip((-1, 1), self._eyes, strict=True):
            rgb[eye] = paint_eye(self._who, rgb[eye], pos[eye], side, moment, self._pixel)
        rgb[self._mouth], hole = paint_mouth(
            self._who, rgb[self._mouth], pos[self._mouth], moment, self._pixel
        )
        points = self._points(pos, moment)
        pos[self._mouth][2] -= LIP_DEPTH * hole
        pos, nrm, rgb = (grid.reshape(3, -1) for grid in (pos, nrm, rgb))
        samples = Samples(pos, nrm, rgb, self._shine, self._label)
        return Expression(samples, points, self._uncovered(moment))

    def _normal_changes(self) -> tuple[Floats, Floats]:
        """Change of the moving rows' normals per unit of gap and of smile."""
        shape, rows = self._shape, self._moving
        rest = grid_normals(shape.rest[:, rows])
        talking = grid_normals((shape.rest + 0.15 * shape.jaw)[:, rows])
        smiling = grid_normals((shape.rest + shape.smile)[:, rows])
        return (talking - rest) / np.float32(0.15), smiling - rest

    def _labels(self, azimuth: Floats) -> NDArray[np.uint8]:
        y, down = self._shape.rest[1], self._nrm[1]
        above_chin = (down < 0.8) | (y < self._who.mouth_y + 0.25)
        oval = (np.abs(azimuth) < 1.4) & (y > self._who.hairline) & above_chin
        return np.where(oval, FACE, SKIN).astype(np.uint8).ravel()

    def _landmark_samples(self, azimuth: Floats) -> tuple[tuple[int, int], tuple[int, int]]:
        """Row and column of the nose tip and of the chin, where the surface turns downwards."""
        middle = int(np.argmin(np.abs(azimuth)))
        y, down = self._shape.rest[1, :, middle], self._nrm[1, :, middle]
        tip = int(np.argmin(np.abs(y - self._who.nose_y - 0.02)))
        below_mouth = y >= self._who.mouth_y + 0.3
        chin = int(np.argmin(np.where(below_mouth, np.abs(down - 0.62), np.inf)))
        return (tip, middle), (chin, middle)

    def _eye_window(self, side: int) -> Window:
        return self._window((side * self._who.eye_x, -0.035), (1.45 * self._who.eye_w, 0.165))

    def _mouth_window(self) -> Window:
        """The lips, and as much around them as smile and speech can reach."""
        above, below = 0.08 * self._who.lip_full + 0.06, 0.09 * self._who.lip_full + 0.05
        middle = self._who.mouth_y + (below - above) / 2
        return self._window((0, middle), (self._who.mouth_w + 0.09, (above + below) / 2))

    def _window(self, centre: tuple[float, float], reach: tuple[float, float]) -> Window:
        """The smallest part of the grid with all front samples within `reach` of `centre`."""
        x, y, z = self._shape.rest
        near = (np.abs(x - centre[0]) < reach[0]) & (np.abs(y - centre[1]) < reach[1]) & (z > 0.2)
        rows, cols = np.nonzero(near)
        return (
            slice(None),
            slice(int(rows.min()), int(rows.max()) + 1),
            slice(int(cols.min()), int(cols.max()) + 1),
        )

    def _points(self, pos: Floats, moment: Moment) -> Floats:
        """`(3, K)` the painted points, each as deep as the surface is there, nose tip and chin."""
        right, left = (eye_points(self._who, side, moment) for side in (-1, 1))
        in_eyes = [
            np.stack([_on(pos[window], point) for point in points])
            for window, points in zip(self._eyes, (right, left), strict=True)
        ]
        r, l_ = in_eyes
        lips = [_on(pos[self._mouth], point) for point in mouth_points(self._who, moment)]
        ordered = [r[0], r[1], l_[1], l_[0], r[2], l_[2], r[3], r[4], l_[3], l_[4], *lips]
        tip, chin = (pos[:, row, col] for row, col in (self._tip, self._chin))
        return np.stack([*ordered, tip, chin], axis=1)

    def _uncovered(self, moment: Moment) -> BoolArray:
        hidden = {
            f"pupil_{name}"
            for name, side in (("r", -1), ("l", 1))
            if not pupil_shows(self._who, side, moment)
        }
        return np.array([name not in hidden for name in POINT_NAMES])


def _on(pos: Floats, point: Floats) -> Floats:
    """`point` `(2,)` with the depth of `pos` `(3, R, C)` there, by one in four of its samples."""
    x, y, z = pos[:, ::2, ::2]
    nearest = np.argmin((x - point[0]) ** 2 + (y - point[1]) ** 2)
    return np.append(point, z.ravel()[nearest])


def _parameters(who: Identity, gap: float) -> tuple[Floats, Floats]:
    """Azimuths and descents of the samples; the scalp that hair always covers is left out."""

    def opened(azimuth: Floats, descent: Floats) -> Floats:
        shape = relief(who, azimuth, descent)
        return shape.rest + MOUTH_OPEN * shape.jaw

    fine = np.linspace(0.015, 0.985, 400)
    y = egg(who, np.zeros(1), fine)[1]
    reach = 1.5 * abs(who.fringe) + abs(who.parting) + 0.15
    top = float(curve(np.array(who.hairline - reach), y, fine))
    return spread(opened, (-2.1, 2.1), (top, 0.985), gap, EVEN_SHARE)


def _moving_rows(shape: Relief) -> slice:
    """The rows that jaw or smile move at all, and one more on either side."""
    motion = np.abs(shape.jaw).max((0, 2)) + np.abs(shape.smile).max((0, 2))
    rows = np.flatnonzero(motion > 1e-4)
    return slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2)
