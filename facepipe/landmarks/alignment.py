"""Bring faces to a common place and size, by ArcFace's template or a larger cut around it.

The network square (`network_transform`) is InsightFace's `norm_crop2` at 128 px, which every
inswapper-contract consumer cuts. A stored face (`face_transform`) shows the same square at twice
that scale with 32 px of margin on each side, so that a warp at its border finds real pixels.
"""

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage, check_shape

ARCFACE_112 = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
"""ArcFace's five points on 112 px (Deng et al. 2019, as in InsightFace's face_align)."""
NETWORK_112 = ARCFACE_112 + np.array([8, 0], np.float32)
"""The same points on 128 px, as InsightFace's `norm_crop2` shifts them."""
WHOLE_FACE = np.array(
    [
        [0.35342266, 0.39285716],
        [0.62797622, 0.39285716],
        [0.48660713, 0.5401786],
        [0.38839287, 0.68750011],
        [0.59821427, 0.68750011],
    ],
    np.float32,
)
"""Eyes, nose and mouth corners in a whole-face square of side 1, as FaceFusion cuts it for DFMs."""
FFHQ = np.array(
    [
        [0.37691676, 0.46864664],
        [0.62285697, 0.46912813],
        [0.50123859, 0.61331904],
        [0.39308822, 0.72541100],
        [0.61150205, 0.72490465],
    ],
    np.float32,
)
"""The same in a square of side 1 as the FFHQ photos are cut, which face enhancers learnt from."""
NETWORK_PX = 128
FACE_SCALE = 2
FACE_MARGIN_PX = 32
FACE_PX = FACE_SCALE * NETWORK_PX + 2 * FACE_MARGIN_PX


def similarity(from_points: FloatArray, to_points: FloatArray) -> FloatArray:
    """Rotation, uniform scale and shift `(2, 3)` that take points `(N, 2)` closest to others.

    Least squares over the points (Umeyama 1991).
    """
    check_shape(from_points, ("N", 2), name="from_points")
    mean_from, mean_to = from_points.mean(0), to_points.mean(0)
    centred, wanted = from_points - mean_from, to_points - mean_to
    u, s, vt = np.linalg.svd(wanted.T @ centred)
    sign = np.array([1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (s * sign).sum() / (centred**2).sum()
    linear = scale * rotation
    return np.column_stack([linear, mean_to - linear @ mean_from]).astype(np.float32)


def arcface_transform(five_px: FloatArray) -> FloatArray:
    """Frame to the 112 px ArcFace square, `(2, 3)`, from five points `(5, 2)`."""
    return similarity(five_px, ARCFACE_112)


def network_transform(five_px: FloatArray, size_px: int = NETWORK_PX) -> FloatArray:
    """Frame to the inswapper contract's square `(2, 3)`, from five points `(5, 2)`."""
    return similarity(five_px, NETWORK_112 * (size_px / NETWORK_PX))


def whole_face_transform(five_px: FloatArray, size_px: int) -> FloatArray:
    """Frame to a DFM's whole-face square `(2, 3)`, from five points `(5, 2)`."""
    return similarity(five_px, WHOLE_FACE * size_px)


def ffhq_transform(five_px: FloatArray, size_px: int) -> FloatArray:
    """Frame to a face enhancer's square `(2, 3)`, from five points `(5, 2)`."""
    return similarity(five_px, FFHQ * size_px)


def face_transform(five_px: FloatArray) -> FloatArray:
    """Frame to the stored face square of `FACE_PX`, `(2, 3)`, from five points `(5, 2)`."""
    return similarity(five_px, NETWORK_112 * FACE_SCALE + FACE_MARGIN_PX)


def network_from_face(size_px: int = NETWORK_PX) -> FloatArray:
    """Stored face square to network square of `size_px`, `(2, 3)`: cut the margin, then scale."""
    scale = size_px / (FACE_SCALE * NETWORK_PX)
    return np.array(
        [[scale, 0, -FACE_MARGIN_PX * scale], [0, scale, -FACE_MARGIN_PX * scale]], np.float32
    )


def resized(points_px: FloatArray, factor: float) -> FloatArray:
    """Points `(..., 2 or 3)` of a picture in pixels of the same one resized by `factor`.

    Pixels have their centres at whole numbers in both; a depth is scaled like the plane.
    """
    moved = points_px * np.float32(factor)
    moved[..., :2] += np.float32((factor - 1) / 2)
    return moved


def apply_transform(transform: FloatArray, points: FloatArray) -> FloatArray:
    """Points `(..., 2 or 3)` through a `(2, 3)` similarity; a depth is scaled like the plane."""
    moved = points.astype(np.float32, copy=True)
    moved[..., :2] = points[..., :2] @ transform[:, :2].T + transform[:, 2]
    if points.shape[-1] == 3:
        moved[..., 2] = points[..., 2] * np.sqrt(np.abs(np.linalg.det(transform[:, :2])))
    return moved


def cut(frame_rgb: RgbImage, transform: FloatArray, size_px: int) -> RgbImage:
    """The `(size_px, size_px, 3)` square that `transform` cuts from a frame; borders are repeated.

    A strong reduction is done in area-averaged halvings first, so that nothing aliases.
    """
    scale = float(np.sqrt(np.abs(np.linalg.det(transform[:, :2]))))
    picture, move = frame_rgb, transform.astype(np.float64)
    while scale < 0.5 and min(picture.shape[:2]) >= 2:
        height, width = picture.shape[:2]
        picture = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        ratio = np.array([width / (width // 2), height / (height // 2)])
        shift = (ratio - 1) / 2  # pixel centres sit at whole numbers
        move = np.column_stack([move[:, :2] * ratio, move[:, 2] + move[:, :2] @ shift])
        scale *= 2
    square = cv2.warpAffine(
        picture, move, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(square, np.uint8)
