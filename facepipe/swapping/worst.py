"""The frames that are worst by each measure, side by side: what to look at first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.landmarks.alignment import cut, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.swapping.sheet import PAPER, caption

FACE_SHOWN_PX = 200
_GAP_PX = 12
WHOLE = 0.9
"""The opacity from which a face is meant to be the identity's, and not to fade."""


@dataclass(frozen=True)
class Measure:
    """A column of the table of faces by which some are worse than others.

    Attributes:
        column: its name.
        title: what is written above its row.
        sign: 1 where high is bad, -1 where low is.
        of_whole: faces that fade are not meant to be good at it.
    """

    column: str
    title: str
    sign: int
    of_whole: bool = False


MEASURES = (
    Measure("similarity_to_identity", "least like the identity (cosine)", -1, of_whole=True),
    Measure("landmark_error_iod", "landmarks farthest off (share of the eyes' distance)", 1),
    Measure("seam_delta_e", "hardest edge (CIE76 step more than before)", 1),
    Measure("flicker", "largest jump from the frame before (levels of 255 more than before)", 1),
    Measure("mask_leakage", "most painted over what hides the face (share)", 1),
    Measure("background_ssim", "background least kept (structural similarity)", -1),
)


def side_by_side(frames_rgb: tuple[RgbImage, RgbImage], face_px: FloatArray) -> RgbImage:
    """A face `(478, 3)` in target and swapped frame, `(200, 400, 3)`."""
    show = network_transform(five_points(face_px), FACE_SHOWN_PX)
    return np.hstack([cut(rgb, show, FACE_SHOWN_PX) for rgb in frames_rgb])


@dataclass(frozen=True, eq=False)
class _Bad:
    """A face among the worst: how bad (more is worse), its row, and its picture."""

    badness: float
    row: Mapping[str, Any]
    picture_rgb: RgbImage


@dataclass
class Worst:
    """Remembers the pictures of the few worst faces by each measure, while they go by.

    Of neighbouring moments, which look alike, only the worst is kept.

    Attributes:
        each: how many of each measure.
        apart_s: moments nearer in time than this are neighbours.
    """

    each: int
    apart_s: float = 0.5
    _kept: dict[str, list[_Bad]] = field(default_factory=dict[str, list[_Bad]])

    def look(self, row: Mapping[str, Any], picture_rgb: RgbImage) -> None:
        """Take a face's measures, by column, and its picture; what is unknown is not bad."""
        for measure in MEASURES:
            bad = _Bad(measure.sign * float(row[measure.column]), row, picture_rgb)
            meant = row["opacity"] >= WHOLE or not measure.of_whole
            if meant and np.isfinite(bad.badness):
                kept = self._kept.setdefault(measure.column, [])
                self._kept[measure.column] = self._with(kept, bad)

    def _with(self, kept: list[_Bad], bad: _Bad) -> list[_Bad]:
        near = [other for other in kept if self._neighbours(other, bad)]
        if any(other.badness >= bad.badness for other in near):
            return kept
        rest = [other for other in kept if other not in near]
        return sorted([*rest, bad], key=lambda each: -each.badness)[: self.each]

    def _neighbours(self, one: _Bad, other: _Bad) -> bool:
        apart_s = abs(one.row["pts_s"] - other.row["pts_s"])
        return one.row["role"] == other.row["role"] and apart_s < self.apart_s

    def sheet(self) -> RgbImage:
        """A row per measure, target and swap beside each other, the worst first, `(H, W, 3)`."""
        cell_px = 2 * FACE_SHOWN_PX + _GAP_PX
        width_px = self.each * cell_px - _GAP_PX
        bands: list[RgbImage] = []
        for measure in MEASURES:
            if kept := self._kept.get(measure.column):
                bands += [
                    caption(measure.title, width_px),
                    _row([bad.picture_rgb for bad in kept], width_px),
                    _row([_told(measure, bad.row) for bad in kept], width_px),
                ]
        return np.vstack(bands)


def _row(cells: Sequence[RgbImage], width_px: int) -> RgbImage:
    """Pictures of one height side by side, filled up with paper."""
    band = np.full((cells[0].shape[0], width_px, 3), PAPER, np.uint8)
    for place, cell in enumerate(cells):
        left = place * (2 * FACE_SHOWN_PX + _GAP_PX)
        band[:, left : left + cell.shape[1]] = cell
    return band


def _told(measure: Measure, row: Mapping[str, Any]) -> RgbImage:
    """When it is, and how bad."""
    told = f"{row[measure.column]:.3g} at {row['pts_s']:.2f} s, frame {row['frame_index']}"
    return caption(told, 2 * FACE_SHOWN_PX)
