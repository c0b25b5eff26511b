"""Show a drawn face in the light and the colours of the picture it is drawn into."""

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.colour import (
    from_lab,
    lab_statistics,
    masked_difference,
    move_colours,
    spread_out,
    to_lab,
)
from facepipe.compositing.masks import (
    above_mouth,
    face_size_px,
    fade_in,
    skin_mask,
    without_eyes,
)
from facepipe.compositing.view import FaceView


def in_light_of(view: FaceView, face: FloatArray) -> RgbImage:
    """A face `(H, W, 3)`, 0-255, in the colours of the view.

    Those of its skin count everywhere, at the edge those nearby. Light is measured on coarse
    pictures, and only what it comes to is done to the fine one.

    Raises:
        NoFaceError: The view shows no skin.
    """
    # coarse pixels that count whole or not at all would make the colours jump as the face moves
    skin = view.coarse(skin_mask(view.points_px, view.size_wh))
    drawn, there = to_lab(view.coarse(face)), to_lab(view.coarse_rgb)
    own, wanted = lab_statistics(drawn, skin), lab_statistics(there, skin)
    change = _light_change(view, move_colours(drawn, own, wanted), there)
    lit = move_colours(to_lab(face), own, wanted)
    lit += view.fine(change)
    return from_lab(lit)


def _light_change(view: FaceView, drawn: FloatArray, there: FloatArray) -> FloatArray:
    """What the drawn face's Lab `(h, w, 3)` lacks of the light that is there."""
    # beards, brows and lashes are differences between people, not of light
    upper = above_mouth(view.coarse_px, view.coarse_wh)
    inside = upper * fade_in(view.depth, erosion=0, feather=_FEATHER)
    seen = without_eyes(inside, view.coarse_px)
    # light changes slowly: half as many pixels will do
    coarse_wh = (-(-view.coarse_wh[0] // 2), -(-view.coarse_wh[1] // 2))
    lacking = masked_difference(drawn, there, seen)
    lacking = np.asarray(cv2.resize(lacking, coarse_wh, interpolation=cv2.INTER_AREA), np.float32)
    size = face_size_px(view.coarse_px) / 2
    broad = spread_out(lacking, _LIGHT_REACH * size)[..., 0]
    lighter = np.clip(_LIGHT * broad, -_MOST_LIGHT, _MOST_LIGHT)
    lacking[..., 0] -= lighter * lacking[..., 3]
    near = spread_out(lacking, _EDGE_REACH * size)
    change = np.asarray(cv2.resize(np.dstack([near, lighter]), view.coarse_wh), np.float32)
    edge = upper * (1 - fade_in(view.depth, erosion=0, feather=_EDGE_DEPTH))
    total = edge[..., None] * change[..., :3]
    total[..., 0] += change[..., 3]
    return total


_FEATHER = 0.08  # of the face's size, as all below
_EDGE_DEPTH = 0.15
_EDGE_REACH = 0.06
_LIGHT_REACH = 0.2
_LIGHT = 0.3
_MOST_LIGHT = 8.0  # of L 0-100
