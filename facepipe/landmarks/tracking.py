"""Give each face an id that it keeps: by where it was heading, and by its looks.

Faces of a frame and living tracks are paired so that the total cost is least (Kuhn 1955, as in
scipy's linear_sum_assignment). A track that is not seen for `MAX_MISS_S` ends; so do all at a cut.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from facepipe.arrays import FloatArray, RgbImage

MAX_MISS_S = 0.5  # a hand passing a face; longer, and another person may have come
_REACH = 1.0  # of the face's size: how far its centre may be from where it is expected
_LEAST_LIKENESS = 0.5  # of the descriptors, where the boxes do not overlap
_LEARNING = 0.2  # how quickly a track's descriptor follows the light
_TURNING = 0.5  # how quickly a track's velocity follows the motion
_THUMBNAIL_PX = 12
_IMPOSSIBLE = 1e6


@dataclass
class _Track:
    number: int
    box_xyxy: FloatArray
    look: FloatArray
    seen_s: float
    velocity: FloatArray  # of the box, in pixels per second

    def expected_xyxy(self, pts_s: float) -> FloatArray:
        """Where the box is if the face moves on as it did."""
        way = self.velocity * (pts_s - self.seen_s)
        return np.add(self.box_xyxy, way, dtype=np.float32)


class Tracker:
    """Track numbers for the faces of one frame after another; a number is never used twice."""

    def __init__(self) -> None:
        self._living: list[_Track] = []
        self._next = 0

    def cut(self) -> None:
        """End all tracks: the next frame belongs to another shot or source."""
        self._living = []

    def number(self, frame_rgb: RgbImage, points_px: FloatArray, pts_s: float) -> list[int]:
        """The track number of each face `(F, 478, 3)`, in the order of the faces."""
        self._living = [t for t in self._living if pts_s - t.seen_s <= MAX_MISS_S]
        boxes = boxes_of(points_px)
        looks = [look(frame_rgb, box) for box in boxes]
        pairs = self._pairs(boxes, looks, pts_s)
        return [
            self._follow(self._living[pairs[face]], boxes[face], looks[face], pts_s)
            if face in pairs
            else self._start(boxes[face], looks[face], pts_s)
            for face in range(len(boxes))
        ]

    def _pairs(self, boxes: FloatArray, looks: list[FloatArray], pts_s: float) -> dict[int, int]:
        """Face to living track, where they can be the same."""
        expected = [(track.expected_xyxy(pts_s), track.look) for track in self._living]
        cost = np.array(
            [
                [_cost(place, known, box, seen) for place, known in expected]
                for box, seen in zip(boxes, looks, strict=True)
            ]
        ).reshape(len(boxes), len(expected))
        faces, tracks = linear_sum_assignment(cost)
        return {
            int(face): int(track)
            for face, track in zip(faces, tracks, strict=True)
            if cost[face, track] < _IMPOSSIBLE
        }

    def _follow(self, track: _Track, box: FloatArray, seen: FloatArray, pts_s: float) -> int:
        elapsed_s = np.float32(max(pts_s - track.seen_s, 1e-3))
        moved = (box - track.box_xyxy) / elapsed_s
        track.velocity = np.add((1 - _TURNING) * track.velocity, _TURNING * moved, dtype=np.float32)
        track.box_xyxy, track.seen_s = box, pts_s
        track.look = np.add((1 - _LEARNING) * track.look, _LEARNING * seen, dtype=np.float32)
        return track.number

    def _start(self, box: FloatArray, seen: FloatArray, pts_s: float) -> int:
        self._living.append(_Track(self._next, box, seen, pts_s, np.zeros(4, np.float32)))
        self._next += 1
        return self._next - 1


def boxes_of(points_px: FloatArray) -> FloatArray:
    """Left, top, right, bottom `(F, 4)` around the points of faces `(F, 478, 2 or 3)`."""
    flat = points_px[..., :2]
    return np.concatenate([flat.min(axis=1), flat.max(axis=1)], axis=1)


def overlap(one_xyxy: FloatArray, other_xyxy: FloatArray) -> float:
    """Intersection over union of two boxes `(4,)`, 0 to 1."""
    low = np.maximum(one_xyxy[:2], other_xyxy[:2])
    high = np.minimum(one_xyxy[2:], other_xyxy[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one_xyxy, other_xyxy)]
    return shared / max(sum(areas) - shared, 1e-9)


def look(frame_rgb: RgbImage, box_xyxy: FloatArray) -> FloatArray:
    """A face's colours on a coarse grid, mean removed, unit length: cheap and blind to exposure."""
    height, width = frame_rgb.shape[:2]
    left, top = np.clip(box_xyxy[:2].astype(int), 0, [width - 1, height - 1])
    right, bottom = np.clip(np.ceil(box_xyxy[2:]).astype(int), [left + 1, top + 1], [width, height])
    small = cv2.resize(
        frame_rgb[top:bottom, left:right],
        (_THUMBNAIL_PX, _THUMBNAIL_PX),
        interpolation=cv2.INTER_AREA,
    )
    grid = small.astype(np.float32).ravel()
    grid -= grid.mean()
    return grid / max(float(np.linalg.norm(grid)), 1e-6)


def _cost(place: FloatArray, known: FloatArray, box: FloatArray, seen: FloatArray) -> float:
    """What speaks against a face in `box` that looks `seen` being the one expected at `place`."""
    shared = overlap(place, box)
    likeness = float(known @ seen)
    centres = (place[:2] + place[2:] - box[:2] - box[2:]) / 2
    size = float(np.max(box[2:] - box[:2]))
    if float(np.linalg.norm(centres)) > _REACH * size:
        return _IMPOSSIBLE
    if shared <= 0 and likeness < _LEAST_LIKENESS:
        return _IMPOSSIBLE
    return (1 - shared) + (1 - likeness)
