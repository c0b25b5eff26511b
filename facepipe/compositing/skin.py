"""Where a face's skin ends in its own picture: before the hair, and before what is behind it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, FloatArray, RgbImage, check_shape
from facepipe.landmarks.regions import FACE_OVAL, POINTS


def skin_mesh(points_px: FloatArray, picture_rgb: RgbImage) -> FloatArray:
    """The mesh of a face that is looked up, not drawn: `(514, 3)`, all of it on skin.

    What is drawn around a face's outline is then skin carried on, and not a strand of hair or
    what happened to be behind the person.

    Args:
        points_px: `(478, 3)` in pixels of the picture.
        picture_rgb: `(H, W, 3)` that shows the face.
    """
    check_shape(points_px, (POINTS, 3), name="points_px")
    outline = points_px[list(FACE_OVAL), :2]
    centre = outline.mean(0)
    skin = points_px.copy()
    skin[:, :2] = _drawn_in(points_px[:, :2], centre, _skin_ends(outline, centre, picture_rgb))
    return np.concatenate([skin, skin[list(FACE_OVAL)]])


def _skin_ends(outline: FloatArray, centre: FloatArray, picture_rgb: RgbImage) -> FloatArray:
    """`(36,)` how far inside each point of the outline the skin ends, as a share of its radius.

    Going in from the outline, skin begins where the colour becomes one of those further in.
    """
    places = outline[:, None] + _SHARES[:, None] * (centre - outline)[:, None]
    smooth_rgb = cv2.blur(picture_rgb, (5, 5))
    seen = cv2.remap(
        smooth_rgb,
        places[..., 0],
        places[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    lab = cv2.cvtColor(seen.astype(np.float32) / 255, cv2.COLOR_RGB2Lab) * _WEIGHTS
    near, inside = lab[:, _SHARES < _INSIDE], lab[:, _SHARES >= _INSIDE]
    unlike = np.linalg.norm(near[:, :, None] - inside[:, None], axis=3).min(2)
    ends = _innermost(unlike > _UNLIKE)
    # a strand that a ray slips by is next to one that a ray meets
    widened = np.maximum(ends, np.maximum(np.roll(ends, 1), np.roll(ends, -1)))
    even = (np.roll(widened, 1) + 2 * widened + np.roll(widened, -1)) / 4
    return np.asarray(even, np.float32)


def _innermost(foreign: BoolArray) -> FloatArray:
    """The first share further in than all that is foreign, `(36,)`, from `(36, K)` by share."""
    counts = foreign.shape[1] - np.argmax(foreign[:, ::-1], axis=1)
    return np.where(foreign.any(1), _SHARES[np.minimum(counts + 1, len(_SHARES) - 1)], _LEAST)


def _drawn_in(points: FloatArray, centre: FloatArray, ends: FloatArray) -> FloatArray:
    """Points `(N, 2)` with those near the outline drawn in, so that the outline lies at `ends`."""
    outline = points[list(FACE_OVAL)]
    angle, radius = _polar(outline - centre)
    order = np.argsort(angle)
    own_angle, own_radius = _polar(points - centre)
    whole = np.interp(own_angle, angle[order], radius[order], period=2 * np.pi)
    end = np.interp(own_angle, angle[order], ends[order], period=2 * np.pi)
    share = own_radius / np.maximum(whole, 1e-6)
    beyond = np.maximum(share - _FIRM, 0)
    kept = 1 - beyond * end / (1 - _FIRM) / np.maximum(share, 1e-6)
    return np.asarray(centre + (points - centre) * kept[:, None], np.float32)


def _polar(offsets: FloatArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = offsets.T.astype(np.float64)
    return np.arctan2(y, x), np.hypot(x, y)


# all of these as a share of the way from the outline to the centre
_SHARES = np.arange(0, 0.2801, 0.02, dtype=np.float32)
_INSIDE = 0.15  # what lies further in is the face
_LEAST = 0.03  # landmarks lie up to so much outside the skin's edge
_FIRM = 0.75  # eyes and mouth lie within, and are never moved
_WEIGHTS = np.array([0.35, 1, 1], np.float32)  # of L, a and b: a shadow is no other material
_UNLIKE = 9.0  # of L, a and b so weighted
