"""Draw samples with a z-buffer: each covers one pixel, and those of a pixel are averaged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray
from facepipe.synthetic.camera import Placement, View, shade
from facepipe.synthetic.fields import Floats
from facepipe.synthetic.surfaces import MOST_AWAY, Samples

NOTHING = -99.0
"""Depth of a pixel that no sample covers."""
SAME_SURFACE = 0.02
"""Samples at most this far behind the nearest one of their pixel belong to its surface."""
GAP_DEPTH = 0.08
"""A pixel this far behind its neighbours lies between the samples of the front surface."""
_BOX = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A person as it appears in a picture.

    Attributes:
        rgb: `(H, W, 3)` colours, 0-255.
        alpha: `(H, W)` coverage, 0-1, soft at the outline.
        label: `(H, W)` what is seen, `NO_LABEL` outside the person.
        depth: `(H, W)` nearest z, `NOTHING` outside.
    """

    rgb: Floats
    alpha: Floats
    label: NDArray[np.uint8]
    depth: Floats

    def shows(self, x: Floats, y: Floats, z: Floats) -> BoolArray:
        """Whether points `(N,)` in the picture, `z` deep, are not behind the person's surface."""
        height, width = self.depth.shape
        cols, rows = np.clip(x.astype(int), 0, width - 1), np.clip(y.astype(int), 0, height - 1)
        return z > self.depth[rows, cols] - GAP_DEPTH


@dataclass(frozen=True, eq=False)
class _Seen:
    """Samples inside the picture and towards the camera."""

    samples: Samples
    turn: Floats
    chosen: NDArray[np.intp]
    pixel: NDArray[np.intp]
    depth: Floats


def draw(parts: Sequence[tuple[Samples, Placement]], view: View) -> Drawing:
    """Draw surfaces, each with its place in the scene; parts may hide one another."""
    seen = [_project(samples, place, view) for samples, place in parts]
    width, height = view.size_wh
    depth = np.full(width * height, NOTHING, np.float32)
    for part in seen:
        np.maximum.at(depth, part.pixel, part.depth)
    label = np.zeros(width * height, np.uint8)
    total = _accumulate([_shaded(part, depth, label) for part in seen], height, width)
    return _closed(total, depth.reshape(height, width), label.reshape(height, width))


def _project(samples: Samples, place: Placement, view: View) -> _Seen:
    chosen = np.flatnonzero(place.turn[2] @ samples.nrm > MOST_AWAY)
    scene = place.move(samples.pos.take(chosen, 1))
    x, y = view.project(scene)
    held = np.flatnonzero(view.holds(x, y))
    columns, rows = x.take(held).astype(np.int32), y.take(held).astype(np.int32)
    pixel = (rows * view.size_wh[0] + columns).astype(np.intp)
    return _Seen(samples, place.turn, chosen.take(held), pixel, scene[2].take(held))


def _shaded(
    seen: _Seen, depth: Floats, label: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], Floats]:
    """Pixels `(N,)` and colours `(3, N)` of the samples in front; their labels go to `label`."""
    behind = depth[seen.pixel] - seen.depth
    front = np.flatnonzero(behind < SAME_SURFACE)
    chosen, pixel = seen.chosen[front], seen.pixel[front]
    nearest = behind[front] == 0
    label[pixel[nearest]] = seen.samples.label[chosen[nearest]]
    part = seen.samples
    rgb, nrm = part.rgb.take(chosen, 1), part.nrm.take(chosen, 1)
    return pixel, shade(rgb, nrm, part.shine[chosen], seen.turn)


def _accumulate(
    parts: Sequence[tuple[NDArray[np.intp], Floats]], height: int, width: int
) -> Floats:
    """`(H, W, 4)` sums of red, green and blue, and the number of samples."""
    pixel = np.concatenate([part[0] for part in parts])
    rgb = np.concatenate([part[1] for part in parts], axis=1)
    total = np.empty((height * width, 4), np.float32)
    for channel in range(3):
        total[:, channel] = np.bincount(pixel, rgb[channel], height * width)
    total[:, 3] = np.bincount(pixel, minlength=height * width)
    return total.reshape(height, width, 4)


def _closed(total: Floats, depth: Floats, label: NDArray[np.uint8]) -> Drawing:
    """Fill pixels that fell between samples from their neighbours, and soften the outline."""
    closed = _opencv(cv2.morphologyEx(depth, cv2.MORPH_CLOSE, _BOX))
    missed = depth < closed - GAP_DEPTH
    total[missed] = 0
    covered = closed > NOTHING / 2
    alpha = _opencv(cv2.GaussianBlur(covered.astype(np.float32), (3, 3), 0.7))
    empty = (total[..., 3] == 0) & (alpha > 0)
    total[empty] = _opencv(cv2.blur(total, (3, 3)))[empty]
    weight = total[..., 3]
    alpha *= weight > 0
    rgb = total[..., :3] / np.maximum(weight, 1e-6)[..., None]
    label = np.where(missed, cv2.dilate(label, _BOX), label) * covered
    return Drawing(rgb, alpha, label, closed)


def _opencv(image: Any) -> Floats:
    return np.asarray(image, np.float32)
