"""Faces in memory as a training wants them: decoded once, small, held-out ones set aside."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from facepipe.arrays import BoolArray, FloatArray, RgbImage
from facepipe.errors import NoFaceError
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_MARGIN_PX, FACE_PX, FACE_SCALE, NETWORK_PX
from facepipe.landmarks.regions import LEFT_EYE, LIPS_OUTER, RIGHT_EYE, fill_region

MARGIN_PX = FACE_MARGIN_PX // FACE_SCALE
"""What a stored square shows beyond the network square on each side, at the network's scale."""
STORED_PX = FACE_PX // FACE_SCALE


@dataclass(frozen=True, eq=False)
class Faces:
    """Squares of `STORED_PX` at the network's scale: `MARGIN_PX` more on each side than it sees.

    Attributes:
        rgb: `(N, 3, 160, 160)` uint8.
        regions: `(N, 3, 160, 160)` uint8, 255 inside the face, the eyes, the mouth; soft borders.
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
    def trained(self) -> Tensor:
        """Indices of the faces to train on."""
        return torch.from_numpy(np.flatnonzero(~self.held_out))

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


def load_faces(faces: FaceSet, held_out_every: int) -> Faces:
    """The network squares of a face set with their margin, reduced to the network's scale.

    Raises:
        NoFaceError: The set is empty.
    """
    if not len(faces):
        raise NoFaceError("the face set is empty; at least one usable face is needed to train on")
    points = faces.points_px / FACE_SCALE
    # area averaging puts a pixel's centre between the centres of the pixels it averages
    points[..., :2] -= (1 - 1 / FACE_SCALE) / 2
    pictures = [reduced(crop) for crop in faces.crops_rgb]
    regions = [_regions(face, point) for face, point in zip(faces.masks, points, strict=True)]
    return Faces(
        rgb=planes(np.stack(pictures)),
        regions=planes(np.stack(regions)),
        points_px=points.astype(np.float32),
        yaw_deg=faces.pose_deg[:, 0],
        held_out=held_out_faces(len(faces), held_out_every),
        follows=_follows(faces),
    )


def reduced(crop: RgbImage) -> RgbImage:
    """A stored 320 px square at the network's scale, `(160, 160, 3)`."""
    small = cv2.resize(crop, (STORED_PX, STORED_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


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


def yaw_weights(yaw_deg: FloatArray, bin_deg: float = 10.0) -> Tensor:
    """How often to draw each face `(N,)`, so that every 10 degrees of yaw come equally often.

    A face comes at most 4 times as often as the average one: a single blurred profile must not
    be half of what a network sees.
    """
    _, place, counts = np.unique(
        np.round(yaw_deg / bin_deg), return_inverse=True, return_counts=True
    )
    weight = 1 / counts[place]
    return torch.from_numpy(np.minimum(weight / weight.mean(), 4.0))


def _follows(faces: FaceSet) -> BoolArray:
    where = np.stack([faces.source, faces.scene, faces.track_id, faces.frame_index])
    return np.append(False, (np.diff(where) == [[0], [0], [0], [1]]).all(0))


def _regions(mask: BoolArray, points_px: FloatArray) -> RgbImage:
    face = reduced(np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2))[..., 0]
    size_wh = (STORED_PX, STORED_PX)
    eyes = fill_region(points_px, RIGHT_EYE, size_wh) | fill_region(points_px, LEFT_EYE, size_wh)
    mouth = fill_region(points_px, LIPS_OUTER, size_wh)
    drawn = np.dstack([face, eyes * np.uint8(255), mouth * np.uint8(255)])
    drawn[..., 1:] = cv2.dilate(drawn[..., 1:], np.ones((5, 5), np.uint8))
    soft = cv2.GaussianBlur(drawn, (0, 0), 2.0)
    return np.asarray(soft, np.uint8)


def network_square(stored: Tensor) -> Tensor:
    """Planes `(N, C, 160, 160)` uint8 without their margin, `(N, C, 128, 128)` float in 0..1."""
    inner = slice(MARGIN_PX, MARGIN_PX + NETWORK_PX)
    return stored[..., inner, inner].float() / 255
