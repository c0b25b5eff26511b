"""Carry the skin of one face onto the geometry of another, triangle by triangle."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray, IntArray, RgbImage, check_shape
from facepipe.landmarks.regions import FACE_OVAL, LEFT_EYE, LIPS_INNER, POINTS, RIGHT_EYE

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
_SURFACE_COUNT = len(_load_surface())
_FIRST_OF_RING = len(TRIANGLES) - 2 * len(FACE_OVAL)


@dataclass(frozen=True, eq=False)
class MeshRaster:
    """Which triangle each pixel of a drawn mesh belongs to, and where in it the pixel lies.

    Attributes:
        size_wh: of the picture.
        pixels: rows and columns, `(P,)` each, of the pixels the mesh covers.
        corners: `(3, P)` the mesh points around each.
        shares: `(3, P)` its barycentric coordinates.
    """

    size_wh: tuple[int, int]
    pixels: tuple[NDArray[np.intp], NDArray[np.intp]]
    corners: IntArray
    shares: FloatArray


def with_ring(points_px: FloatArray) -> FloatArray:
    """One face's points `(478, 3)` and 36 more outside its outline: `(514, 3)`, same pixels."""
    check_shape(points_px, (POINTS, 3), name="points_px")
    outline = points_px[list(FACE_OVAL)]
    return np.concatenate([points_px, outline + RING_REACH * (outline - outline.mean(0))])


def paint_triangles(mesh_px: FloatArray, size_wh: tuple[int, int]) -> IntArray:
    """Which triangle is seen at each pixel, `(H, W)`, -1 where none, for a mesh `(514, 3)`.

    The ring is painted first, then what faces away, then the rest from far to near, so that a
    cheek turned from the camera never covers a nose in front of it.
    """
    corners = mesh_px[TRIANGLES]
    edges = corners[:, 1:, :2] - corners[:, :1, :2]
    faces_away = edges[:, 0, 0] * edges[:, 1, 1] > edges[:, 0, 1] * edges[:, 1, 0]
    faces_away[_SURFACE_COUNT:] = False  # holes and ring are wound as they come
    on_face = np.arange(len(TRIANGLES)) < _FIRST_OF_RING
    order = np.lexsort((-corners[..., 2].mean(1), ~faces_away, on_face))
    painted = np.full((size_wh[1], size_wh[0]), -1, np.int32)
    outlines = np.round(corners[..., :2] * 16).astype(np.int32)
    for index in order.tolist():
        cv2.fillConvexPoly(painted, outlines[index], index, shift=4)
    return painted


def raster(mesh_px: FloatArray, size_wh: tuple[int, int]) -> MeshRaster:
    """The mesh `(514, 3)` drawn onto a picture of this size."""
    painted = paint_triangles(mesh_px, size_wh)
    rows, columns = np.nonzero(painted >= 0)
    triangle = painted[rows, columns]
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    by_x, by_y, constant = _barycentric(mesh_px[TRIANGLES][..., :2])
    shares = [
        by_x[k][triangle] * x + by_y[k][triangle] * y + constant[k][triangle] for k in range(3)
    ]
    corners = np.stack([corner[triangle] for corner in TRIANGLES.T])
    return MeshRaster(size_wh, (rows, columns), corners, np.stack(shares))


def _barycentric(corners_px: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """`(3, T)` each: a point's share in corner k is `x * first[k] + y * second[k] + third[k]`."""
    x, y = corners_px[..., 0].astype(np.float64), corners_px[..., 1].astype(np.float64)
    after, before = np.array([1, 2, 0]), np.array([2, 0, 1])
    by_x, by_y = y[:, after] - y[:, before], x[:, before] - x[:, after]
    constant = x[:, after] * y[:, before] - x[:, before] * y[:, after]
    area = constant.sum(1, keepdims=True)
    # a triangle seen from its side covers next to nothing: any finite share will do
    area = np.where(np.abs(area) < 1e-6, 1.0, area)
    first, second, third = (
        np.ascontiguousarray((part / area).T.astype(np.float32)) for part in (by_x, by_y, constant)
    )
    return first, second, third


def sampling_map(drawn: MeshRaster, source_px: FloatArray) -> FloatArray:
    """Where in the source each pixel comes from, `(H, W, 2)` x and y; -1e4 where nowhere.

    `source_px`: `(514, 3)`, the mesh of the source in its own pixels.
    """
    found = np.full((drawn.size_wh[1], drawn.size_wh[0], 2), -1e4, np.float32)
    for axis in (0, 1):
        places = np.ascontiguousarray(source_px[:, axis], np.float32)[drawn.corners]
        found[..., axis][drawn.pixels] = (places * drawn.shares).sum(0)
    return found


def sample(source_rgb: RgbImage, sampling: FloatArray, finer: int = 1) -> RgbImage:
    """The source `(H', W', 3)` looked up at a sampling map `(H, W, 2)`, as `(H, W, 3)`.

    `finer` looks up that many times as densely along each side and averages, for a source that
    shows more than the map can hold.
    """
    height, width = sampling.shape[:2]
    dense = sampling
    if finer > 1:
        dense = cv2.resize(sampling, (width * finer, height * finer))
    x, y = cv2.split(dense)
    looked_up = cv2.remap(source_rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if finer > 1:
        looked_up = cv2.resize(looked_up, (width, height), interpolation=cv2.INTER_AREA)
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
    target, source = with_ring(target_px), with_ring(source_px)
    return sample(source_rgb, sampling_map(raster(target, size_wh), source))
