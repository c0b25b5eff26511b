"""Numbers about one swapped face: background, seam, change, what lies in front of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, FloatArray, RgbImage
from facepipe.compositing.blend import uncut_mask
from facepipe.compositing.calm import face_change, face_weight
from facepipe.compositing.colour import to_lab
from facepipe.compositing.masks import face_size_px
from facepipe.landmarks.alignment import apply_transform, cut, network_transform, resized
from facepipe.landmarks.regions import FACE_OVAL, fill_region, five_points
from facepipe.swapping.masks import FaceMasks

VISIBLE_DELTA_E = 3.0
"""A difference of colour, CIE76, that an attentive viewer sees."""
_LOOK_PX = 960  # structure finer than a pixel of this picture is encoder noise
_WINDOW_PX = 11
_NETWORK_PX = 128
_MARGIN_PX = 16  # a mask may end at the border of the network square: its edge needs two sides
_SQUARE_PX = _NETWORK_PX + 2 * _MARGIN_PX
_SHOWN = 0.02  # of 1: what shows less of the swap cannot be seen
_CORE = 0.9  # of the mask's highest value: from here on the swap is as good as all there is
_EDGE_GAP_PX = 2  # of 160: as far outside the mask colours are looked at
_WIDEST_EDGE = 0.25  # of the face's size: a wider slope is no edge
_GRAIN_PX = 1.5
PixelIndex: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class FacePair:
    """The same square of source and swap, `(160, 160, 3)`: a network square and a margin.

    Attributes:
        source_rgb: as it was.
        swapped_rgb: as it is.
        points_px: `(478, 3)` landmarks there.
        shown: `(160, 160)` as `FaceMasks` has it.
        visible: likewise.
    """

    source_rgb: RgbImage
    swapped_rgb: RgbImage
    points_px: FloatArray
    shown: FloatArray
    visible: FloatArray | None


def face_pair(
    source_rgb: RgbImage, swapped_rgb: RgbImage, face_px: FloatArray, masks: FaceMasks
) -> FacePair:
    """Cut both frames `(H, W, 3)` by the source's landmarks `(478, 3)`."""
    transform = network_transform(five_points(face_px), _NETWORK_PX)
    transform[:, 2] += _MARGIN_PX
    return FacePair(
        cut(source_rgb, transform, _SQUARE_PX),
        cut(swapped_rgb, transform, _SQUARE_PX),
        apply_transform(transform, face_px),
        _with_margin(masks.shown, beyond=0),
        None if masks.visible is None else _with_margin(masks.visible, beyond=1),
    )


def _with_margin(mask: FloatArray, *, beyond: float) -> FloatArray:
    size_wh = (_NETWORK_PX, _NETWORK_PX)
    inner = cv2.resize(mask, size_wh)
    return np.pad(inner, _MARGIN_PX, constant_values=beyond).astype(np.float32)


def background_ssim(
    source_rgb: RgbImage, swapped_rgb: RgbImage, faces: Sequence[tuple[FloatArray, FloatArray]]
) -> float:
    """Structural similarity outside what was swapped, at most 1 (Wang et al. 2004, luma, 11 px).

    Places whose window reaches a mask do not count; 1 where nothing else is left.

    Args:
        source_rgb: `(H, W, 3)`.
        swapped_rgb: `(H, W, 3)`; a video of odd size may be one larger, that is cut off.
        faces: landmarks `(478, 2 or 3)` and mask `(S, S)` of each swapped face.
    """
    height, width = source_rgb.shape[:2]
    scale = min(1.0, _LOOK_PX / max(height, width))
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    source, swapped = (
        cv2.resize(_luma(rgb[:height, :width]), size_wh, interpolation=cv2.INTER_AREA)
        for rgb in (source_rgb, swapped_rgb)
    )
    touched = np.zeros((size_wh[1], size_wh[0]), np.bool_)
    for face_px, shown in faces:
        five_px = resized(five_points(face_px), scale)
        transform = network_transform(five_px, shown.shape[0])
        touched |= uncut_mask(shown, transform, size_wh) > 0
    outside = ~_grown(touched, _WINDOW_PX // 2)
    similarity = _ssim(np.asarray(source, np.float32), np.asarray(swapped, np.float32))
    return float(similarity[outside].mean()) if outside.any() else 1.0


def _grown(mask: BoolArray, by_px: int) -> BoolArray:
    square = np.ones((2 * by_px + 1, 2 * by_px + 1), np.uint8)
    return cv2.dilate(mask.astype(np.uint8), square) > 0


def _luma(rgb: RgbImage) -> FloatArray:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def _ssim(a: FloatArray, b: FloatArray) -> FloatArray:
    def mean(picture: FloatArray) -> FloatArray:
        return np.asarray(cv2.GaussianBlur(picture, (_WINDOW_PX, _WINDOW_PX), 1.5), np.float32)

    mean_a, mean_b = mean(a), mean(b)
    spread_a, spread_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    shared = mean(a * b) - mean_a * mean_b
    steady, lively = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_a * mean_b + steady) * (2 * shared + lively)
    likest = (mean_a**2 + mean_b**2 + steady) * (spread_a + spread_b + lively)
    return (likeness / likest).astype(np.float32, copy=False)


def seam_delta_e(pair: FacePair) -> tuple[float, float]:
    """How much more colour changes across the mask's edge than it did before the swap.

    CIE76 difference between each place just outside the mask and the nearest one where the swap is
    fully shown, all along the mask's edge, holes included; swap less source, and what became
    smoother counts as 0.

    Returns:
        The mean along the edge, and what 5 % of the edge exceed; NaN for a mask without an edge.
    """
    outside, inside = _across_the_edge(pair)
    if not outside[0].size:
        return np.nan, np.nan
    steps: list[FloatArray] = []
    for rgb in (pair.swapped_rgb, pair.source_rgb):
        lab = _smooth_lab(rgb)
        steps.append(np.linalg.norm(lab[inside] - lab[outside], axis=1))
    more = np.maximum(steps[0] - steps[1], 0)
    return float(more.mean()), float(np.percentile(more, 95))


def _across_the_edge(pair: FacePair) -> tuple[PixelIndex, PixelIndex]:
    """Rows and columns of places around the mask, and of the core's place nearest to each."""
    shown = pair.shown > _SHOWN
    core = pair.shown >= _CORE * max(float(pair.shown.max()), _SHOWN)
    if not core.any():
        nowhere = np.zeros(0, np.intp)
        return (nowhere, nowhere), (nowhere, nowhere)
    away_px, labels = cv2.distanceTransformWithLabels(
        (~core).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(labels, np.intp)
    around = _grown(shown, _EDGE_GAP_PX) & ~_grown(shown, _EDGE_GAP_PX - 1)
    outside = np.nonzero(around & (away_px <= _WIDEST_EDGE * face_size_px(pair.points_px)))
    row_of, column_of = (np.zeros(int(nearest.max()) + 1, np.intp) for _ in range(2))
    rows, columns = np.nonzero(core)
    row_of[nearest[core]], column_of[nearest[core]] = rows, columns
    label = nearest[outside]
    return (outside[0], outside[1]), (row_of[label], column_of[label])


def _smooth_lab(rgb: RgbImage) -> FloatArray:
    """Lab without the grain of film and encoder."""
    return np.asarray(cv2.GaussianBlur(to_lab(rgb), (0, 0), _GRAIN_PX), np.float32)


@dataclass(frozen=True)
class Changes:
    """Mean change of luma, 0 to 255, from one aligned face to the next.

    Attributes:
        source, swap: as it is.
        source_calm, swap_calm: without grain, under which the flicker of larger patches may hide.
    """

    source: float
    swap: float
    source_calm: float
    swap_calm: float


def changes(before: FacePair, now: FacePair) -> Changes:
    """How much the face, where the swap is shown, changed since the frame before."""
    face = np.minimum(
        face_weight(now.points_px, _SQUARE_PX), now.shown / max(float(now.shown.max()), _SHOWN)
    )

    def change(one_rgb: RgbImage, other_rgb: RgbImage) -> tuple[float, float]:
        smooth, other = (
            np.asarray(cv2.GaussianBlur(rgb, (0, 0), _GRAIN_PX), np.uint8)
            for rgb in (one_rgb, other_rgb)
        )
        return face_change(one_rgb, other_rgb, face), face_change(smooth, other, face)

    source, source_calm = change(before.source_rgb, now.source_rgb)
    swap, swap_calm = change(before.swapped_rgb, now.swapped_rgb)
    return Changes(source, swap, source_calm, swap_calm)


def leakage(pair: FacePair) -> tuple[float, float]:
    """How much of the face is hidden by something, and how much of that the swap changed.

    Returns:
        The hidden share of the face's outline, and the share of hidden pixels whose colour
        differs visibly; NaN both where nobody looked for occluders, the second where none is.
    """
    if pair.visible is None:
        return np.nan, np.nan
    face = fill_region(pair.points_px, FACE_OVAL, (_SQUARE_PX, _SQUARE_PX))
    hidden = face & (pair.visible < 0.5)
    share = float(hidden.sum() / max(face.sum(), 1))
    if not hidden.any():
        return share, np.nan
    differs = np.linalg.norm(_smooth_lab(pair.swapped_rgb) - _smooth_lab(pair.source_rgb), axis=-1)
    return share, float((differs[hidden] > VISIBLE_DELTA_E).mean())
