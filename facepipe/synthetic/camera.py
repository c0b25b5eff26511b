"""Where things are put in space, where that appears in the picture, and how light falls on them."""

from dataclasses import dataclass

import numpy as np

from facepipe.synthetic.fields import Floats

DISTANCE = 8.0
"""From the camera to the origin of a head, in head units."""
KEY = np.array([-0.45, -0.50, 0.74], np.float32)
"""Direction to the main light: above, on the image's left."""
FILL = np.array([0.8, -0.1, 0.6], np.float32)
"""Direction to the weak light from the other side."""
HALFWAY = np.array([-0.241, -0.268, 0.933], np.float32)
"""Between main light and camera: surfaces facing it show the highlight."""
WARMTH = np.array([[0.12], [0.0], [-0.10]], np.float32)
"""Change of red, green and blue where the main light fades."""


@dataclass(frozen=True, eq=False)
class Placement:
    """A turn `(3, 3)` followed by a shift `(3,)`."""

    turn: Floats
    shift: Floats

    def move(self, points: Floats) -> Floats:
        """Points `(3, N)` in the scene."""
        return self.turn @ points + self.shift[:, None]


@dataclass(frozen=True)
class View:
    """A pinhole camera: the origin appears at `centre_px`, with `per_unit` pixels per head unit."""

    per_unit: float
    centre_px: tuple[float, float]
    size_wh: tuple[int, int]

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Places x and y `(N,)` in the picture, in pixels, of points `(3, N)` in the scene."""
        scale = np.float32(self.per_unit * DISTANCE) / (np.float32(DISTANCE) - points[2])
        across, down = (np.float32(value) for value in self.centre_px)
        return points[0] * scale + across, points[1] * scale + down

    def holds(self, x: Floats, y: Floats) -> np.ndarray:
        """Whether places `(N,)` lie inside the picture."""
        width, height = self.size_wh
        return (x >= 0) & (x < width) & (y >= 0) & (y < height)


def shade(rgb: Floats, nrm: Floats, shine: Floats, turn: Floats) -> Floats:
    """Colours `(3, N)` under a warm main light, a fill light and light from all around.

    Args:
        rgb: `(3, N)` colours under white light, 0-255.
        nrm: `(3, N)` normals before the turn.
        shine: `(N,)` strength of the highlight.
        turn: `(3, 3)` how the surface is turned.
    """
    towards = np.stack([KEY, FILL, HALFWAY]).astype(np.float32) @ turn
    main, fill, halfway = np.clip(towards @ nrm, -1, 1)
    main = np.maximum(0.82 * main + 0.18, 0)
    light = 0.40 + 0.13 * np.maximum(fill, 0) + (0.58 * main) * (1 + WARMTH * (1 - main))
    power3 = np.maximum(halfway, 0) ** 3
    power6 = power3 * power3
    power12 = power6 * power6
    return rgb * light + 38 * shine * (power12 * power12)
