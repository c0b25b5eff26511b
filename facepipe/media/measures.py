"""What is measured of every frame, on a small luminance image, in about a millisecond."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.media.clips import read_clip
from facepipe.media.colour import to_luminance
from facepipe.media.pictures import read_picture
from facepipe.media.probe import kind_of

_CELL_PX = 16
_HIGHEST_PX = 480
REPEAT_LEVELS = 2.0
"""Largest change of any luminance pixel that still counts as the same picture: coding noise."""


@dataclass(frozen=True)
class Measures:
    """One frame in numbers.

    Attributes:
        frame_index: Place in the source, from 0.
        pts_s: Presentation time in the source, in seconds.
        width: Shown width in pixels.
        height: Shown height in pixels.
        sharpness: Variance of the Laplacian of the luminance at no more than 480 px height.
        brightness: Mean luminance, 0 to 255.
        difference: Mean absolute change of the thumbnail (16 px cells), in levels; 0 at first.
        repeats: Whether the picture is that of the last frame which was no repeat.
    """

    frame_index: int
    pts_s: float
    width: int
    height: int
    sharpness: float
    brightness: float
    difference: float
    repeats: bool


def measure(path: Path) -> Iterator[Measures]:
    """Measures of every frame of a media file, in order.

    Raises:
        MediaError: As `decode`.
    """
    before: NDArray[np.uint8] | None = None
    for index, pts_s, (width, height), luminance in _luminances(path):
        fits = before is not None and before.shape == luminance.shape
        reference = before if before is not None and fits else luminance
        repeats = fits and cv2.norm(luminance, reference, cv2.NORM_INF) <= REPEAT_LEVELS
        yield Measures(
            frame_index=index,
            pts_s=pts_s,
            width=width,
            height=height,
            sharpness=sharpness(luminance),
            brightness=cv2.mean(luminance)[0],
            difference=_cell_difference(luminance, reference),
            repeats=repeats,
        )
        before = reference if repeats else luminance


def sharpness(luminance: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of `(H, W)` levels (Pech-Pacheco et al. 2000)."""
    edges = cv2.Laplacian(luminance, cv2.CV_16S)
    squares, total = (
        cv2.norm(edges, cv2.NORM_L2SQR),
        cv2.sumElems(edges)[0],
    )  # 10x meanStdDev's pace
    return squares / edges.size - (total / edges.size) ** 2


def _luminances(path: Path) -> Iterator[tuple[int, float, tuple[int, int], NDArray[np.uint8]]]:
    if kind_of(path) == "image":
        rgb = read_picture(path)
        height, width = rgb.shape[:2]
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, _small_wh(width, height), interpolation=cv2.INTER_AREA)
        yield 0, 0.0, (width, height), np.asarray(small, np.uint8)
        return
    for frame in read_clip(path):
        width, height = frame.picture.width, frame.picture.height
        shown = (height, width) if frame.turn[0, 0] == 0 else (width, height)
        small = to_luminance(frame.picture, *_small_wh(width, height))
        yield frame.index, frame.pts_s, shown, small


def _small_wh(width: int, height: int) -> tuple[int, int]:
    """Whole cells, so that the thumbnail is an exact mean of cells, which is also fast."""
    scale = min(1.0, _HIGHEST_PX / height) / _CELL_PX
    return max(1, round(width * scale)) * _CELL_PX, max(1, int(height * scale)) * _CELL_PX


def _cell_difference(luminance: NDArray[np.uint8], reference: NDArray[np.uint8]) -> float:
    cells_wh = (luminance.shape[1] // _CELL_PX, luminance.shape[0] // _CELL_PX)
    now = cv2.resize(luminance, cells_wh, interpolation=cv2.INTER_AREA)
    then = cv2.resize(reference, cells_wh, interpolation=cv2.INTER_AREA)
    return float(cv2.norm(now, then, cv2.NORM_L1)) / now.size
