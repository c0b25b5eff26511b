"""Faces in memory as a training wants them: decoded once, small, held-out ones set aside."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from facepipe.arrays import BoolArray, FloatArray, RgbImage
from facepipe.errors import NoFaceError
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import (
    FACE_MARGIN_PX,
    FACE_PX,
    FACE_SCALE,
    NETWORK_PX,
    resized,
)
from facepipe.landmarks.regions import (
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_EYE,
    fill_region,
    mouth_opening_iod,
)

MESH_PX = FACE_PX // FACE_SCALE
"""Side of the stored square of a network that draws 128 px. Meshes and lookups count in its pixels,
whatever the network draws, so that distances mean the same."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Stored squares at the network's scale: on each side they show an eighth more than it sees.

    Their side `P` is 160 px for a network that draws 128, and 320 for one that draws 256.

    Attributes:
        rgb: `(N, 3, P, P)` uint8.
        regions: `(N, 3, P, P)` uint8, 255 inside the face, the eyes, the mouth; soft borders.
        points_px: `(N, 478, 3)` landmarks in pixels of the square.
        yaw_deg: `(N,)`.
        held_out: `(N,)` true for faces never trained on.
        follows: `(N,)` true for faces of the frame right after that of the face before.
    """

    rgb: Tensor
    regions: Tensor
    points_px: FloatArray
    yaw_deg: FloatArray
    held_out: BoolArray
    follows: BoolArray

    @property
    def stored_px(self) -> int:
        """Side of the stored squares."""
        return self.rgb.shape[-1]

    @property
    def pixels(self) -> int:
        """Side of the network's square within."""
        return self.stored_px - 2 * margin_of(self.stored_px)

    @property
    def mesh_points(self) -> FloatArray:
        """`(N, 478, 3)` the landmarks in pixels of a stored square of `MESH_PX`."""
        return resized(self.points_px, MESH_PX / self.stored_px)

    @property
    def trained(self) -> Tensor:
        """Indices of the faces to train on."""
        return torch.from_numpy(np.flatnonzero(~self.held_out))

    @cached_property
    def odds(self) -> Tensor:
        """How often to draw each face to train on."""
        some = self.trained.numpy()
        return even_weights(self.yaw_deg[some], mouth_opening_iod(self.points_px[some]))

    @property
    def judged(self) -> Tensor:
        """Indices of the faces to judge by: the held-out ones, or all when there are too few."""
        return torch.from_numpy(
            np.flatnonzero(self.held_out) if self.held_out.any() else np.arange(len(self.held_out))
        )

    @property
    def judged_run(self) -> Tensor:
        """Indices of the longest run of such faces whose frames follow each other, the first."""
        judged = self.judged.numpy()
        on = np.append(False, self.follows[judged[1:]] & (np.diff(judged) == 1))
        runs = np.split(judged, np.flatnonzero(~on)[1:])
        return torch.from_numpy(max(runs, key=len))


def load_faces(faces: FaceSet, held_out_every: int, pixels: int = NETWORK_PX) -> Faces:
    """The network squares of a face set with their margin, reduced to the network's scale.

    `pixels` is the side of the network's square, at most 256: stored faces hold no more.

    Raises:
        NoFaceError: The set is empty.
    """
    if not len(faces):
        raise NoFaceError("the face set is empty; at least one usable face is needed to train on")
    stored_px = stored_of(pixels)
    points = resized(faces.points_px, stored_px / FACE_PX)
    pictures = [reduced(crop, stored_px) for crop in faces.crops_rgb]
    regions = [
        _regions(face, point, stored_px) for face, point in zip(faces.masks, points, strict=True)
    ]
    return Faces(
        rgb=planes(np.stack(pictures)),
        regions=planes(np.stack(regions)),
        points_px=points,
        yaw_deg=faces.pose_deg[:, 0],
        held_out=held_out_faces(len(faces), held_out_every),
        follows=_follows(faces),
    )


def reduced(crop: RgbImage, size_px: int) -> RgbImage:
    """A square `(S, S, 3)` with at most as many pixels, `(size_px, size_px, 3)`."""
    small = cv2.resize(crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def stored_of(pixels: int) -> int:
    """Side of the stored square around a network's square of such a side."""
    return pixels * FACE_PX // (FACE_SCALE * NETWORK_PX)


def margin_of(stored_px: int) -> int:
    """What a stored square shows beyond the network's square on each side, in its pixels."""
    return stored_px * FACE_MARGIN_PX // FACE_PX


def planes(pictures: RgbImage) -> Tensor:
    """Pictures `(N, H, W, C)` as a tensor `(N, C, H, W)`."""
    return torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)))


def held_out_faces(count: int, every: int) -> BoolArray:
    """`(N,)` true in the last of every `every` blocks of neighbours in time.

    Neighbouring frames are nearly alike, so single frames would not test anything. Fewer faces
    than `every` are all trained on.
    """
    block = max(1, min(8, count // (3 * every)))
    return (np.arange(count) // block) % every == every - 1


def even_weights(yaw_deg: FloatArray, opening_iod: FloatArray) -> Tensor:
    """How often to draw each face `(N,)`, so that every view and every mouth come equally often.

    Faces are alike whose yaw is the same to 10 degrees and whose lips are apart by the same to a
    twelfth of the eyes' distance: who smiles in one frame of twenty shows teeth in that one alone.
    A face comes at most 4 times as often as the average one: a single blurred profile must not be
    half of what a network sees.
    """
    alike = np.stack([np.round(yaw_deg / _YAW_DEG), np.round(opening_iod / _OPENING_IOD)])
    _, place, counts = np.unique(alike, axis=1, return_inverse=True, return_counts=True)
    weight = 1 / counts[place]
    return torch.from_numpy(np.minimum(weight / weight.mean(), 4.0))


_YAW_DEG, _OPENING_IOD = 10.0, 1 / 12


def _follows(faces: FaceSet) -> BoolArray:
    where = np.stack([faces.source, faces.scene, faces.track_id, faces.frame_index])
    return np.append(False, (np.diff(where) == [[0], [0], [0], [1]]).all(0))


def _regions(mask: BoolArray, points_px: FloatArray, stored_px: int) -> RgbImage:
    whole = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    face = reduced(whole, stored_px)[..., 0]
    size_wh, reach = (stored_px, stored_px), 2 * stored_px // MESH_PX
    eyes = fill_region(points_px, RIGHT_EYE, size_wh) | fill_region(points_px, LEFT_EYE, size_wh)
    mouth = fill_region(points_px, LIPS_OUTER, size_wh)
    drawn = np.dstack([face, eyes * np.uint8(255), mouth * np.uint8(255)])
    wider = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    drawn[..., 1:] = cv2.dilate(drawn[..., 1:], wider)
    soft = cv2.GaussianBlur(drawn, (0, 0), float(reach))
    return np.asarray(soft, np.uint8)


def network_square(stored: Tensor) -> Tensor:
    """Planes `(N, C, P, P)` uint8 without their margin, `(N, C, S, S)` float in 0..1."""
    margin = margin_of(stored.shape[-1])
    inner = slice(margin, stored.shape[-1] - margin)
    return stored[..., inner, inner].float() / 255
