"""Carry the skin of one face onto the geometry of another, triangle by triangle."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, FloatArray, IntArray, RgbImage, check_shape
from facepipe.compositing.skin import skin_mesh
from facepipe.landmarks.regions import FACE_OVAL, LEFT_EYE, LIPS_INNER, POINTS, RIGHT_EYE

_Corners: TypeAlias = NDArray[np.float64]
"""`(3, T)` one coordinate of each corner of each triangle."""
RING_REACH = 0.25
"""How far beyond the face's outline the mesh goes on, as a share of its distance to the centre."""


def _load_surface() -> IntArray:
    """The 852 triangles of MediaPipe's face mesh: its tesselation's 2556 edges, taken in threes.

    Facts of mediapipe's `FaceLandmarksConnections.FACE_LANDMARKS_TESSELATION` (Apache-2.0).
    """
    table = Path(__file__).with_name("mesh_triangles.csv")
    return np.loadtxt(table, np.int32, delimiter=",", skiprows=1)


def _fan(centre: int, outline: tuple[int, ...]) -> list[tuple[int, int, int]]:
    following = (*outline[1:], outline[0])
    return [(centre, here, there) for here, there in zip(outline, following, strict=True)]


def _mouth_strip() -> list[tuple[int, int, int]]:
    """Triangles between the inner lips, each pair of facing points joined to the next."""
    half = len(LIPS_INNER) // 2
    lower = LIPS_INNER[: half + 1]
    upper = (LIPS_INNER[0], *reversed(LIPS_INNER[half:]))
    strip: list[tuple[int, int, int]] = []
    for k in range(half):
        strip += [(lower[k], lower[k + 1], upper[k + 1]), (lower[k], upper[k + 1], upper[k])]
    return [triangle for triangle in strip if len(set(triangle)) == 3]


def _ring() -> list[tuple[int, int, int]]:
    """A band of triangles from the face's outline to the points beyond it."""
    count = len(FACE_OVAL)
    band: list[tuple[int, int, int]] = []
    for k in range(count):
        after = (k + 1) % count
        band.append((FACE_OVAL[k], POINTS + k, FACE_OVAL[after]))
        band.append((FACE_OVAL[after], POINTS + k, POINTS + after))
    return band


def _all_triangles() -> IntArray:
    holes = _fan(468, RIGHT_EYE) + _fan(473, LEFT_EYE) + _mouth_strip()
    return np.concatenate([_load_surface(), np.array(holes + _ring(), np.int32)])


TRIANGLES: IntArray = _all_triangles()
"""`(T, 3)` the mesh with eyes and mouth closed and a ring around it; indices into `with_ring`."""
_CORNERS = np.ascontiguousarray(TRIANGLES.T, np.intp)
_SURFACE_COUNT = len(_load_surface())
_FIRST_OF_RING = len(TRIANGLES) - 2 * len(FACE_OVAL)


@dataclass(frozen=True, eq=False)
class MeshRaster:
    """Which triangle each pixel of a drawn mesh belongs to, and how places in it are reckoned.

    Attributes:
        triangle: `(H, W)` index into `TRIANGLES`, -1 where the mesh covers nothing.
        shares: `(3, 3, T)`: a pixel's barycentric share in corner k of its triangle is
            `x * shares[k, 0] + y * shares[k, 1] + shares[k, 2]`.
    """

    triangle: NDArray[np.intp]
    shares: NDArray[np.float64]


def with_ring(points_px: FloatArray) -> FloatArray:
    """One face's points `(478, 3)` and 36 more outside its outline: `(514, 3)`, same pixels."""
    check_shape(points_px, (POINTS, 3), name="points_px")
    outline = points_px[list(FACE_OVAL)]
    return np.concatenate([points_px, outline + RING_REACH * (outline - outline.mean(0))])


def raster(mesh_px: FloatArray, size_wh: tuple[int, int]) -> MeshRaster:
    """The mesh `(514, 3)` drawn onto a picture of this size.

    The ring is painted first, then what faces away, then the rest from far to near, so that a
    cheek turned from the camera never covers a nose in front of it. All spans (the pixels of one
    triangle in one row) are found at once: a call per triangle takes four times as long.
    """
    x, y, z = mesh_px.T.astype(np.float64)[:, _CORNERS]
    shares, area = _barycentric(x, y)
    order = _painting_order(z, area > 0)
    triangle, row, left, right = _spans(mesh_px, order, size_wh)
    count = right - left
    start = row * size_wh[0] + left - (np.cumsum(count) - count)
    pixels = np.arange(int(count.sum())) + np.repeat(start, count)
    painted = np.full(size_wh[0] * size_wh[1], -1, np.intp)
    painted[pixels] = np.repeat(order[triangle], count)  # the last one painted stays
    return MeshRaster(painted.reshape(size_wh[1], size_wh[0]), shares)


def _barycentric(x: _Corners, y: _Corners) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`(3, 3, T)` as `MeshRaster.shares`, and twice the triangles' areas: < 0 where facing us."""
    after, before = [1, 2, 0], [2, 0, 1]
    constant = x[after] * y[before] - x[before] * y[after]
    area = constant.sum(0)
    # a triangle seen from its side covers next to nothing: any finite share will do
    divisor = np.where(np.abs(area) < 1e-6, 1.0, area)
    return np.stack([y[after] - y[before], x[before] - x[after], constant], 1) / divisor, area


def _painting_order(z: _Corners, faces_away: BoolArray) -> NDArray[np.intp]:
    """`(T,)` the triangles, first painted first."""
    layer = np.where(faces_away, 1.0, 2.0)
    layer[_SURFACE_COUNT:] = 2  # holes and ring are wound as they come
    layer[_FIRST_OF_RING:] = 0
    depth = z.sum(0)
    return np.argsort(layer * (np.ptp(depth) + 1) - depth, kind="stable")


def _spans(
    mesh_px: FloatArray, order: NDArray[np.intp], size_wh: tuple[int, int]
) -> tuple[NDArray[np.intp], ...]:
    """Place in `order`, row, first column and column after the last of each span, `(S,)` each.

    Two triangles reckon the edge they share from the same upper to the same lower end, so that
    each pixel's centre lies in just one of them.
    """
    by_height = np.argsort(mesh_px[:, 1], kind="stable")
    x, y = mesh_px[by_height, :2].T.astype(np.float64)
    rank = np.empty(len(by_height), np.intp)
    rank[by_height] = np.arange(len(by_height))
    corners = rank[_CORNERS[:, order]]
    top, low = corners.min(0), corners.max(0)
    middle = corners.sum(0) - top - low
    first, last = (np.clip(np.ceil(y[end]), 0, size_wh[1]).astype(np.intp) for end in (top, low))
    count = last - first
    triangle = np.repeat(np.arange(len(order)), count)
    row = np.arange(len(triangle)) + np.repeat(first - (np.cumsum(count) - count), count)
    # edges: from top to low; from top to middle; from middle to low
    upper, lower = np.concatenate([top, top, middle]), np.concatenate([low, middle, low])
    slope = (x[lower] - x[upper]) / np.maximum(y[lower] - y[upper], 1e-12)
    at_0 = x[upper] - y[upper] * slope
    other = triangle + len(order) * np.where(row < y[middle][triangle], 1, 2)
    sides = [
        np.clip(np.ceil(at_0[edge] + row * slope[edge]), 0, size_wh[0]).astype(np.intp)
        for edge in (triangle, other)
    ]
    return triangle, row, np.minimum(*sides), np.maximum(*sides)


def sampling_map(drawn: MeshRaster, source_px: FloatArray) -> FloatArray:
    """Where in the source each pixel comes from, `(H, W, 2)` x and y; -1e4 where nowhere.

    `source_px`: `(514, 2 or 3)`, the mesh of the source in its own pixels.
    """
    # a complex number holds x and y, so that both are looked up at once
    parts = np.empty((3, len(TRIANGLES) + 1), np.complex64)
    x, y = source_px[:, :2].T.astype(np.float64)[:, _CORNERS]
    parts.real[:, :-1] = (drawn.shares * x[:, None]).sum(0)
    parts.imag[:, :-1] = (drawn.shares * y[:, None]).sum(0)
    parts[:, -1] = 0, 0, -1e4 - 1e4j
    across, down, found = (part.take(drawn.triangle).view(np.float32) for part in parts)
    height, width = drawn.triangle.shape
    found += across * np.repeat(np.arange(width, dtype=np.float32), 2)
    found += down * np.arange(height, dtype=np.float32)[:, None]
    return found.reshape(height, width, 2)


def smoothed(source_rgb: RgbImage, over: int) -> RgbImage:
    """A picture `(H', W', 3)` each of whose pixels is the mean of `over` by `over`.

    Pixel `(x, y)` is that of columns x to x + over - 1 and rows y to y + over - 1, so a place
    moves by `(over - 1) / 2` to the left and up. For looking up a picture that shows more than
    the map can hold.
    """
    kernel = np.full((over, over), 1 / over**2, np.float32)
    drawn = cv2.filter2D(source_rgb, -1, kernel, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(drawn, np.uint8)


def sample(source_rgb: RgbImage, sampling: FloatArray) -> RgbImage:
    """The source `(H', W', 3)` looked up at a sampling map `(H, W, 2)`, as `(H, W, 3)`."""
    nothing: Any = None  # x and y lie in one map, a call that the stubs do not know
    looked_up = cv2.remap(
        source_rgb, sampling, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(looked_up, np.uint8)


def warp(
    source_rgb: RgbImage, source_px: FloatArray, target_px: FloatArray, size_wh: tuple[int, int]
) -> RgbImage:
    """A face drawn into the geometry of another, `(H, W, 3)`, ring included.

    Args:
        source_rgb: `(H', W', 3)` picture of the face.
        source_px: `(478, 3)` its points, in that picture.
        target_px: `(478, 3)` the points to take, in the result.
        size_wh: size of the result.
    """
    target, source = with_ring(target_px), skin_mesh(source_px, source_rgb)
    return sample(source_rgb, sampling_map(raster(target, size_wh), source))
