"""A whole person: built once for a size of picture, then drawn at any moment."""

import numpy as np

from facepipe.synthetic.body import body_samples
from facepipe.synthetic.camera import Placement, View
from facepipe.synthetic.drawing import Drawing, draw
from facepipe.synthetic.face import Face
from facepipe.synthetic.fields import Floats
from facepipe.synthetic.hair import hair_samples
from facepipe.synthetic.motion import Moment
from facepipe.synthetic.people import Identity
from facepipe.synthetic.surfaces import join, rotation
from facepipe.synthetic.worn import ear_samples, glasses_samples

DENSITY = 1.15
"""Samples per pixel along each direction, where a surface is stretched most."""
TRUNK_GAP = 1.1
"""Gap between the trunk's samples relative to the head's: it is flat and has no detail."""
PIVOT = np.array([0, 0.75, -0.25], np.float32)
"""The head turns about the top of the neck."""
TRUNK_YAW, TRUNK_ROLL = 0.2, 0.15
"""Shares of the head's turn that the trunk follows."""


class Person:
    """`who`, for pictures of at most `per_unit` pixels per head unit and tilts up to `tilt_deg`."""

    def __init__(self, who: Identity, per_unit: float, tilt_deg: float) -> None:
        gap = 1 / (DENSITY * per_unit)
        self.who = who
        self._face = Face(who, per_unit, gap)
        worn = [glasses_samples(who, gap)] if who.glasses else []
        ears = [ear_samples(who, side, gap) for side in (-1, 1)]
        self._around = join([*ears, *hair_samples(who, gap), *worn]).facing(tilt_deg)
        self._body = body_samples(who, gap * TRUNK_GAP).facing(TRUNK_YAW * tilt_deg)

    def draw(self, moment: Moment, view: View) -> tuple[Drawing, Floats]:
        """The person at `moment`, and the points `(K, 3)`: x, y and 1 where visible."""
        expression = self._face.express(moment)
        head = _place(rotation(moment.yaw_deg, moment.pitch_deg, moment.roll_deg), moment)
        turn = rotation(TRUNK_YAW * moment.yaw_deg, 0, TRUNK_ROLL * moment.roll_deg)
        parts = [(expression.samples, head), (self._around, head)]
        drawing = draw([*parts, (self._body, _place(turn, moment))], view)
        points = head.move(expression.points)
        x, y = view.project(points)
        visible = expression.uncovered & drawing.shows(x, y, points[2]) & view.holds(x, y)
        return drawing, np.stack([x, y, visible.astype(np.float32)], axis=1)


def _place(turn: Floats, moment: Moment) -> Placement:
    pivot = PIVOT + np.array([moment.x, moment.y, 0], np.float32)
    return Placement(turn, pivot - turn @ PIVOT)
