"""A person's pictures in one common geometry, and where on it each pixel of a face lies."""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepipe.arrays import FloatArray, IntArray, RgbImage
from facepipe.compositing.matching import distances, look_of, reference_head
from facepipe.compositing.mesh import raster, sample, sampling_map, with_ring
from facepipe.compositing.skin import skin_mesh
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_PX, resized
from facepipe.training.data import MESH_PX, Faces, planes

LOOKUP_PX = MESH_PX // 2
"""Lookups change slowly over a face: half as many pixels along each side hold them."""
_Picture: TypeAlias = NDArray[np.uint8]


def average_mesh(faces: Faces) -> FloatArray:
    """The average face mesh with its ring, `(514, 3)`, in pixels of a square of `MESH_PX`."""
    meshes = [with_ring(points) for points in faces.mesh_points[~faces.held_out]]
    return np.mean(meshes, axis=0).astype(np.float32)


def lookups(faces: Faces, mesh_px: FloatArray) -> Tensor:
    """Where on an average mesh each pixel of faces lies, `(N, 3, 80, 80)`: x, y, known or not.

    Args:
        faces: of the network's size.
        mesh_px: `(514, 3)`, in pixels of a square of `MESH_PX`, which x and y count in too.
    """
    found = np.zeros((len(faces.points_px), 3, LOOKUP_PX, LOOKUP_PX), np.float32)
    # corner pixels of both sizes lie on each other, as torch's align_corners has them
    scale = np.array([(LOOKUP_PX - 1) / (faces.stored_px - 1)] * 2 + [1], np.float32)
    for place, points in enumerate(faces.points_px):
        drawn = raster(with_ring(points) * scale, (LOOKUP_PX, LOOKUP_PX))
        sampling = sampling_map(drawn, mesh_px)
        known = sampling[..., 0] > -1e3
        found[place, :2] = np.where(known, sampling.transpose(2, 0, 1), 0)
        found[place, 2] = known
    return torch.from_numpy(found)


def typical_faces(faces: FaceSet, held_out: NDArray[np.bool_], count: int) -> IntArray:
    """Numbers of the `count` faces that together come closest to all: `(count,)`.

    Each next one is that which lowers the sum of distances in pose and expression to the nearest
    chosen one the most (greedy k-medoids). Only the sharper half of the faces trained on is
    chosen from; with fewer faces than `count` they come again.
    """
    usable = np.flatnonzero(~held_out)
    sharper = usable[faces.sharpness[usable] >= np.median(faces.sharpness[usable])]
    head = reference_head(faces.points_px[usable])
    look = look_of(faces.points_px[usable], head)
    far = np.stack(
        [distances(look_of(faces.points_px[k : k + 1], head), look) for k in sharper.tolist()]
    )
    chosen: list[int] = []
    nearest = np.full(len(usable), np.inf, np.float32)
    for _ in range(min(count, len(sharper))):
        total = np.minimum(far, nearest).sum(1)
        total[chosen] = np.inf
        chosen.append(int(np.argmin(total)))
        nearest = np.minimum(nearest, far[chosen[-1]])
    return np.resize(sharper[chosen], count).astype(np.int32)


def texture_pictures(faces: FaceSet, chosen: IntArray, mesh_px: FloatArray) -> Tensor:
    """The chosen faces' pictures bent onto the average mesh, `(K, 3, 320, 320)` uint8."""
    mesh = resized(mesh_px, FACE_PX / MESH_PX)
    shown = [(faces.crops_rgb[index], faces.points_px[index]) for index in chosen.tolist()]
    bent = [_bent(crop_rgb, skin_mesh(points, crop_rgb), mesh) for crop_rgb, points in shown]
    return planes(np.stack(bent))


def _bent(crop_rgb: RgbImage, own_px: FloatArray, mesh_px: FloatArray) -> _Picture:
    sampling = sampling_map(raster(mesh_px, (FACE_PX, FACE_PX)), own_px)
    y, x = np.mgrid[:FACE_PX, :FACE_PX].astype(np.float32)
    beyond = sampling[..., 0] < -1e3
    sampling[beyond] = np.stack([x[beyond], y[beyond]], 1)
    return np.asarray(sample(crop_rgb, sampling), np.uint8)
