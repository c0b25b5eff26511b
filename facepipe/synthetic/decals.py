"""What is drawn flat and laid on the face from the front: brow hairs, freckles, moles, stubble."""

from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.synthetic.fields import Floats, blurred, smooth_noise
from facepipe.synthetic.people import Identity

PER_UNIT = 400
SIZE_WH = (800, 1000)
"""The canvas, in pixels; it shows x from -1 to 1 and y from -1 to 1.5."""
BROW_HAIRS = 840


@dataclass(frozen=True, eq=False)
class Decals:
    """Coverages on the canvas, 0 to 1, `(1000, 800)` each."""

    spots: Floats
    brows: Floats
    stubble: Floats

    def at(self, x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
        """Spots, brows and stubble `(R, C)` at places of the face."""
        columns = ((x + 1) * PER_UNIT).astype(np.float32)
        rows = ((y + 1) * PER_UNIT).astype(np.float32)
        spots, brows, stubble = (
            np.asarray(cv2.remap(plane, columns, rows, cv2.INTER_LINEAR), np.float32)
            for plane in (self.spots, self.brows, self.stubble)
        )
        return spots, brows, stubble


def draw_decals(who: Identity, rng: np.random.Generator) -> Decals:
    """The decals of a person; `rng` decides where each spot and hair goes."""
    shape = SIZE_WH[1], SIZE_WH[0]
    stubble = 0.62 + 0.22 * smooth_noise(rng, shape, 90, 200)
    stubble += 0.1 * smooth_noise(rng, shape, 12, 12)
    spots = np.zeros(shape, np.float32)
    _add_spots(spots, who.freckles, rng, radius_px=(1, 4), spread_px=70, darkness=0.45)
    _add_spots(spots, who.moles, rng, radius_px=(5, 8), spread_px=160, darkness=0.85)
    spots = blurred(spots, 1.6)
    return Decals(
        np.asarray(spots, np.float32), _brows(who, rng), np.clip(stubble, 0, 1).astype(np.float32)
    )


def _add_spots(
    canvas: Floats,
    count: int,
    rng: np.random.Generator,
    *,
    radius_px: tuple[int, int],
    spread_px: float,
    darkness: float,
) -> None:
    for _ in range(count):
        centre = int(rng.normal(400, 180)), int(rng.normal(490, spread_px))
        dark = float(darkness * rng.uniform(0.5, 1))
        cv2.circle(canvas, centre, int(rng.integers(*radius_px)), dark, -1, cv2.LINE_AA)


def _brows(who: Identity, rng: np.random.Generator) -> Floats:
    canvas = np.zeros(SIZE_WH[::-1], np.float32)
    along, thickness = rng.random(BROW_HAIRS), rng.normal(0, 0.42, BROW_HAIRS)
    tone = rng.uniform(0.6, 1, BROW_HAIRS)
    side = np.resize([1, -1], BROW_HAIRS)
    thickness *= who.brow_thick * (1 - np.maximum(0, along - 0.35))
    thickness *= np.minimum(1, 0.55 + along * 3)
    x = who.eye_x + (2.25 * along - 1.05) * who.eye_w
    arch = (0.05 + who.brow_arch) * np.sin(np.pi * (0.62 * along + 0.08))
    y = 0.03 - who.brow_y - arch + 0.055 * np.maximum(0, along - 0.6) + thickness
    roots = np.stack([side * x, y], 1)
    tips = roots + np.stack([side * 0.05 * (0.5 + along), 0.0525 * along - 0.035], 1)
    for root, tip, strength in zip(_sixteenths(roots), _sixteenths(tips), tone, strict=True):
        cv2.line(canvas, root, tip, float(strength), 2, cv2.LINE_AA, 4)
    return np.clip(1.1 * blurred(canvas, 2.0), 0, 0.92)


def _sixteenths(places: Floats) -> list[tuple[int, int]]:
    """Canvas positions of places `(N, 2)`, in sixteenths of a pixel as OpenCV's `shift=4` wants."""
    return [(int(x), int(y)) for x, y in 16 * PER_UNIT * (places + 1)]
