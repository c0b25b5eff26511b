"""The mesh swap: a person's own pictures, bent onto another face. It needs no training."""

from dataclasses import dataclass

import numpy as np

from facepipe.arrays import FloatArray, IntArray, RgbImage, check_shape
from facepipe.compositing.blend import mix
from facepipe.compositing.colour import (
    from_lab,
    lab_statistics,
    light_difference,
    move_colours,
    to_lab,
)
from facepipe.compositing.masks import (
    above_mouth,
    border_fade,
    face_depth,
    face_size_px,
    fade_in,
    mouth_interior_mask,
    skin_mask,
    without_eyes,
)
from facepipe.compositing.matching import (
    distances,
    look_of,
    mouth_opening,
    nearest,
    reference_head,
)
from facepipe.compositing.mesh import raster, sample, sampling_map, with_ring
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
        self._blur = _blur_penalty(faces.sharpness)
        self._openings = mouth_opening(faces.points_px)

    def swap(self, crop_rgb: RgbImage, points_px: FloatArray) -> MeshSwap:
        """The person in the pose, expression and light of one face.

        Args:
            crop_rgb: `(S, S, 3)` the face's network square.
            points_px: `(478, 3)` its landmarks, in pixels of the square.
        """
        check_shape(crop_rgb, (self.size_px, self.size_px, 3), name="crop_rgb")
        check_shape(points_px, (POINTS, 3), name="points_px")
        distance = distances(look_of(points_px[None], self._head), self._look) + self._blur
        chosen, weights = nearest(distance, _MIXED)
        depth = face_depth(points_px, self._size_wh)
        face = self._drawn(points_px, chosen, weights)
        face = self._in_light_of(crop_rgb, face, points_px, depth)
        opening = float(self._openings[chosen] @ weights)
        face = self._with_mouth_of(crop_rgb, face, points_px, opening)
        return self._finished(crop_rgb, face, points_px, depth)

    @property
    def _size_wh(self) -> tuple[int, int]:
        return (self.size_px, self.size_px)

    def _drawn(self, points_px: FloatArray, chosen: IntArray, weights: FloatArray) -> RgbImage:
        """The chosen faces in the given geometry, mixed by weight."""
        target = with_ring(points_px)
        drawn = raster(target, self._size_wh)
        finer = max(1, FACE_PX // self.size_px)
        total = np.zeros((self.size_px, self.size_px, 3), np.float32)
        for index, weight in zip(chosen, weights, strict=True):
            sampling = sampling_map(drawn, self._meshes[index])
            total += weight * sample(self._faces.crops_rgb[index], sampling, finer)
        return np.round(total).astype(np.uint8)

    def _in_light_of(
        self, crop_rgb: RgbImage, face_rgb: RgbImage, points_px: FloatArray, depth: FloatArray
    ) -> RgbImage:
        """The face in the crop's colours: of the skin everywhere, of what is near at its edge."""
        skin = skin_mask(points_px, self._size_wh)
        face, crop = to_lab(face_rgb), to_lab(crop_rgb)
        face = move_colours(face, lab_statistics(face, skin), lab_statistics(crop, skin))
        # beards, brows and lashes are differences between people, not of light
        upper = above_mouth(points_px, self._size_wh)
        inside = upper * fade_in(depth, erosion=0, feather=_FEATHER)
        seen = without_eyes(inside, points_px)
        size = face_size_px(points_px)
        broad = light_difference(face, crop, seen, _LIGHT_REACH * size)
        face[..., 0] += np.clip(_LIGHT * broad[..., 0], -_MOST_LIGHT, _MOST_LIGHT)
        edge = upper * (1 - fade_in(depth, erosion=0, feather=_EDGE_DEPTH))
        near = light_difference(face, crop, seen, _EDGE_REACH * size)
        return from_lab((face + edge[..., None] * near).astype(np.float32, copy=False))

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

    def _finished(
        self, crop_rgb: RgbImage, face_rgb: RgbImage, points_px: FloatArray, depth: FloatArray
    ) -> MeshSwap:
        # the picture is pure face wherever the mask is above 0, and runs out beyond it
        wide = fade_in(depth, erosion=-_OVERLAP, feather=_OVERLAP)
        mask = fade_in(depth, erosion=_EROSION, feather=_FEATHER)
        border = border_fade(self._size_wh, _FEATHER * face_size_px(points_px))
        return MeshSwap(mix(crop_rgb, face_rgb, wide), np.minimum(mask, border))


def _blur_penalty(sharpness: FloatArray) -> FloatArray:
    """`(N,)` how much farther a face counts for being less sharp than most of its person's."""
    usual = float(np.median(sharpness))
    return _BLUR * np.log2(np.maximum(usual / np.maximum(sharpness, 1e-3), 1)).astype(np.float32)


_BLUR = 1.5  # half as sharp counts as much as 9 degrees of head turn
_MIXED = 3  # more blur the skin, one alone flickers where the choice changes
_EROSION = 0.01  # of the face's size, as all below: hair and background lie at the outline
_FEATHER = 0.08
_OVERLAP = 0.04
_EDGE_DEPTH = 0.15
_EDGE_REACH = 0.06
_LIGHT_REACH = 0.2
_LIGHT = 0.3
_MOST_LIGHT = 8.0
_MOUTH_FEATHER = 0.25
_LACKING = (
    0.15  # the share of the opening that must be missing for the teeth to be all the target's
)
