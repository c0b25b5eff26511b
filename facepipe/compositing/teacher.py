"""The mesh swap: a person's own pictures, bent onto another face. It needs no training."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from facepipe.arrays import FloatArray, IntArray, RgbImage, check_shape
from facepipe.compositing.blend import mix
from facepipe.compositing.light import in_light_of
from facepipe.compositing.masks import border_fade, face_size_px, fade_in, mouth_interior_mask
from facepipe.compositing.matching import (
    distances,
    look_of,
    mouth_opening,
    nearest,
    reference_head,
)
from facepipe.compositing.mesh import raster, sample, sampling_map, smoothed, with_ring
from facepipe.compositing.skin import skin_mesh
from facepipe.compositing.view import FaceView, view_of
from facepipe.errors import NoFaceError
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_PX, NETWORK_PX
from facepipe.landmarks.regions import POINTS


@dataclass(frozen=True, eq=False)
class MeshSwap:
    """One face drawn with a person's skin in another face's geometry and light.

    Attributes:
        rgb: `(S, S, 3)` the whole square: the drawn face, running over into the given crop.
        mask: `(S, S)` 0 to 1, where the drawn face is to be believed; 0 at the square's border,
            and in a mouth whose own teeth are to be seen.
        drawn: `(S, S)` 0 to 1, how much of each pixel is the drawn face: as `mask`, but up to the
            face's outline and a little beyond.
    """

    rgb: RgbImage
    mask: FloatArray
    drawn: FloatArray


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
        shown = zip(faces.points_px, faces.crops_rgb, strict=True)
        meshes = np.stack([skin_mesh(points, crop_rgb) for points, crop_rgb in shown])
        self._boxes = _boxes(meshes)
        self._over = max(1, FACE_PX // size_px)
        self._meshes = meshes[..., :2] - self._boxes[:, None, :2] - np.float32((self._over - 1) / 2)
        self._picture = lru_cache(_KEPT)(self._smoothed)  # the next frame mostly wants the same
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
        view = view_of(crop_rgb, points_px, _OVERLAP)
        face_rgb = in_light_of(view, self._drawn(view, chosen, weights))
        own = _own_mouth(view, float(self._openings[chosen] @ weights))
        return self._finished(crop_rgb, view, mix(face_rgb, view.crop_rgb, own), own)

    def _drawn(self, view: FaceView, chosen: IntArray, weights: FloatArray) -> FloatArray:
        """The chosen faces in the view's geometry, mixed by weight: `(H, W, 3)`, 0-255."""
        drawn = raster(with_ring(view.points_px), view.size_wh)
        total = np.zeros(view.crop_rgb.shape, np.float32)
        for index, weight in zip(chosen, weights, strict=True):
            sampling = sampling_map(drawn, self._meshes[index])
            face_rgb = sample(self._picture(int(index)), sampling)
            total = cv2.addWeighted(total, 1, face_rgb, float(weight), 0, dtype=cv2.CV_32F)
        return np.asarray(total, np.float32)

    def _smoothed(self, index: int) -> RgbImage:
        """A stored face's box, as smooth as squares of this size can show it."""
        left, top, right, bottom = self._boxes[index]
        box_rgb = self._faces.crops_rgb[index, top:bottom, left:right]
        return smoothed(box_rgb, self._over) if self._over > 1 else box_rgb

    def _finished(
        self, crop_rgb: RgbImage, view: FaceView, face_rgb: RgbImage, own: FloatArray
    ) -> MeshSwap:
        """The view's face in its square."""
        depth = view.fine(view.depth)
        # the picture is pure face wherever the mask is above 0, and runs out beyond it
        wide = fade_in(depth, erosion=-_OVERLAP, feather=_OVERLAP)
        rgb = crop_rgb.copy()
        mask = np.zeros(crop_rgb.shape[:2], np.float32)
        drawn = mask.copy()
        here = view.rows, view.columns
        rgb[here] = mix(view.crop_rgb, face_rgb, wide)
        border = border_fade((self.size_px, self.size_px), _FEATHER * face_size_px(view.points_px))
        inside = fade_in(depth, erosion=_EROSION, feather=_FEATHER)
        mask[here] = np.minimum(inside, border[here]) * (1 - own)
        drawn[here] = wide * (1 - own)
        return MeshSwap(rgb, mask, drawn)


def _own_mouth(view: FaceView, opening: float) -> FloatArray:
    """`(H, W)` 0 to 1, where the view's own teeth and tongue are to be seen.

    They are as far as the drawn face's mouth is less open.
    """
    wanted = float(mouth_opening(view.points_px))
    lacking = np.clip((wanted - opening) / max(wanted, 1e-6) / _LACKING, 0, 1)
    if lacking <= 0:
        return np.zeros(view.crop_rgb.shape[:2], np.float32)
    mouth = mouth_interior_mask(view.points_px, view.size_wh, feather=_MOUTH_FEATHER)
    return mouth * np.float32(lacking)


def _boxes(meshes_px: FloatArray) -> IntArray:
    """`(N, 4)` left, top, right, bottom of what each mesh `(N, 514, 3)` covers of its picture."""
    first = np.clip(np.floor(meshes_px[..., :2].min(1)) - 1, 0, FACE_PX - 1)
    last = np.clip(np.ceil(meshes_px[..., :2].max(1)) + 2, first + 1, FACE_PX)
    return np.concatenate([first, last], 1).astype(np.int32)


def _blur_penalty(sharpness: FloatArray) -> FloatArray:
    """`(N,)` how much farther a face counts for being less sharp than most of its person's."""
    usual = float(np.median(sharpness))
    return _BLUR * np.log2(np.maximum(usual / np.maximum(sharpness, 1e-3), 1)).astype(np.float32)


_BLUR = 1.5  # half as sharp counts as much as 9 degrees of head turn
_MIXED = 3  # more blur the skin, one alone flickers where the choice changes
_KEPT = 32  # pictures of up to 0.3 MB
_EROSION = 0.01  # of the face's size, as all below: hair and background lie at the outline
_FEATHER = 0.08
_OVERLAP = 0.04
_MOUTH_FEATHER = 0.25
# the share of the opening that must be missing for the teeth to be all the target's
_LACKING = 0.15
