"""The mesh swap: a person's own pictures, bent onto another face. It needs no training."""

from dataclasses import dataclass

import numpy as np

from facepipe.arrays import FloatArray, RgbImage, check_shape
from facepipe.compositing.blend import mix
from facepipe.compositing.colour import from_lab, lab_statistics, move_colours, to_lab
from facepipe.compositing.masks import hull_mask, mouth_interior_mask, skin_mask
from facepipe.compositing.matching import (
    distances,
    look_of,
    mouth_opening,
    nearest,
    reference_head,
)
from facepipe.compositing.mesh import paint_triangles, sample, sampling_map, with_ring
from facepipe.errors import NoFaceError
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_PX, NETWORK_PX
from facepipe.landmarks.regions import POINTS


@dataclass(frozen=True, eq=False)
class MeshSwap:
    """One face drawn with a person's skin in another face's geometry and light.

    Attributes:
        rgb: `(S, S, 3)` the whole square: the drawn face, running over into the given crop.
        mask: `(S, S)` 0 to 1, where the drawn face is to be believed; 0 at the square's border.
    """

    rgb: RgbImage
    mask: FloatArray


class MeshTeacher:
    """Swaps by warping the stored faces that look most like the given one.

    Args:
        faces: the person to show.
        size_px: side of the squares that come in and go out.

    Raises:
        NoFaceError: `faces` is empty.
    """

    def __init__(self, faces: FaceSet, size_px: int = NETWORK_PX) -> None:
        if not len(faces):
            raise NoFaceError("the face set holds 0 faces; a mesh swap needs at least 1")
        self.size_px = size_px
        self._faces = faces
        self._head = reference_head(faces.points_px)
        self._look = look_of(faces.points_px, self._head)
        self._meshes = np.stack([with_ring(points) for points in faces.points_px])
        self._openings = mouth_opening(faces.points_px)

    def swap(self, crop_rgb: RgbImage, points_px: FloatArray) -> MeshSwap:
        """The person in the pose, expression and light of one face.

        Args:
            crop_rgb: `(S, S, 3)` the face's network square.
            points_px: `(478, 3)` its landmarks, in pixels of the square.
        """
        check_shape(crop_rgb, (self.size_px, self.size_px, 3), name="crop_rgb")
        check_shape(points_px, (POINTS, 3), name="points_px")
        distance = distances(look_of(points_px[None], self._head), self._look)
        chosen, weights = nearest(distance, _MIXED)
        face = self._in_light_of(crop_rgb, self._drawn(points_px, chosen, weights), points_px)
        opening = float(self._openings[chosen] @ weights)
        face = self._with_mouth_of(crop_rgb, face, points_px, opening)
        return self._finished(crop_rgb, face, points_px)

    @property
    def _size_wh(self) -> tuple[int, int]:
        return (self.size_px, self.size_px)

    def _drawn(self, points_px: FloatArray, chosen: FloatArray, weights: FloatArray) -> RgbImage:
        """The chosen faces in the given geometry, mixed by weight."""
        target = with_ring(points_px)
        painted = paint_triangles(target, self._size_wh)
        finer = max(1, FACE_PX // self.size_px)
        total = np.zeros((self.size_px, self.size_px, 3), np.float32)
        for index, weight in zip(chosen, weights, strict=True):
            sampling = sampling_map(painted, target, self._meshes[index])
            total += weight * sample(self._faces.crops_rgb[index], sampling, finer)
        return np.round(total).astype(np.uint8)

    def _in_light_of(
        self, crop_rgb: RgbImage, face_rgb: RgbImage, points_px: FloatArray
    ) -> RgbImage:
        skin = skin_mask(points_px, self._size_wh, erosion=_EROSION)
        lab = to_lab(face_rgb)
        own, wanted = lab_statistics(lab, skin), lab_statistics(to_lab(crop_rgb), skin)
        return from_lab(move_colours(lab, own, wanted))

    def _with_mouth_of(
        self, crop_rgb: RgbImage, face_rgb: RgbImage, points_px: FloatArray, opening: float
    ) -> RgbImage:
        """Shows the given face's own teeth and tongue as far as the person's mouth is less open."""
        wanted = float(mouth_opening(points_px))
        lacking = np.clip((wanted - opening) / max(wanted, 1e-6) / _LACKING, 0, 1)
        if lacking <= 0:
            return face_rgb
        mouth = mouth_interior_mask(points_px, self._size_wh, feather=_MOUTH_FEATHER)
        return mix(face_rgb, crop_rgb, mouth * np.float32(lacking))

    def _finished(self, crop_rgb: RgbImage, face_rgb: RgbImage, points_px: FloatArray) -> MeshSwap:
        # the picture is pure face wherever the mask is above 0, and runs out beyond it
        wide = hull_mask(points_px, self._size_wh, erosion=-_EROSION, feather=_EROSION)
        mask = hull_mask(points_px, self._size_wh, erosion=_EROSION, feather=_FEATHER)
        return MeshSwap(mix(crop_rgb, face_rgb, wide), mask)


_MIXED = 3  # more blur the skin, one alone flickers where the choice changes
_EROSION = 0.03  # of the face's size: hair and background lie at the outline
_FEATHER = 0.12
_MOUTH_FEATHER = 0.25
_LACKING = 0.3  # the share of the opening that must be missing for the teeth to be all the target's
