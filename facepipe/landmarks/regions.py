"""Which of MediaPipe's 478 face points form which part of a face.

Index lists follow MediaPipe's canonical face mesh (Apache-2.0,
mediapipe/modules/face_geometry/data/canonical_face_model_uv_visualization.png); "right" is the
person's own right, on the image's left.
"""

import cv2
import numpy as np

from facepipe.arrays import BoolArray, FloatArray, check_shape

POINTS = 478
FIVE_POINTS = (468, 473, 1, 61, 291)
"""Right iris, left iris, nose tip, right and left mouth corner: ArcFace's five points."""
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
LIPS_OUTER = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
LIPS_INNER = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)


def five_points(points_px: FloatArray) -> FloatArray:
    """The five alignment points `(..., 5, 2)` of faces `(..., 478, 2 or 3)`."""
    return np.ascontiguousarray(points_px[..., list(FIVE_POINTS), :2], dtype=np.float32)


def fill_region(
    points_px: FloatArray, region: tuple[int, ...], size_wh: tuple[int, int]
) -> BoolArray:
    """`(H, W)` true inside the outline `region` of one face `(478, 2 or 3)`, in pixels."""
    check_shape(points_px[:, :2], (POINTS, 2), name="points_px")
    mask = np.zeros((size_wh[1], size_wh[0]), np.uint8)
    outline = np.round(points_px[list(region), :2] * 16).astype(np.int32)
    cv2.fillPoly(mask, [outline], 1, shift=4)
    return mask.astype(bool)


def inter_ocular_px(points_px: FloatArray) -> FloatArray:
    """Distance between the irises `(...)` of faces `(..., 478, 2 or 3)`, in pixels."""
    return np.linalg.norm(points_px[..., 468, :2] - points_px[..., 473, :2], axis=-1)


def mouth_opening_iod(points_px: FloatArray) -> FloatArray:
    """Gap between the lips `(...)` of faces `(..., 478, 2 or 3)`, as a share of the eyes' gap."""
    gap_px = np.linalg.norm(points_px[..., 13, :2] - points_px[..., 14, :2], axis=-1)
    return gap_px / inter_ocular_px(points_px)


def landmark_error_iod(wanted_px: FloatArray, found_px: FloatArray) -> float:
    """Mean distance of points `(478, 2 or 3)` in the plane, as a share of the eyes' distance."""
    distance_px = np.linalg.norm(wanted_px[:, :2] - found_px[:, :2], axis=1)
    return float(distance_px.mean() / inter_ocular_px(wanted_px))


def nearest_error_iod(wanted_px: FloatArray, found_px: FloatArray) -> float:
    """That of the nearest of faces `(F, 478, 2 or 3)`; NaN where none is near.

    One farther off than the eyes are apart is another face.
    """
    nearest = min((landmark_error_iod(wanted_px, face) for face in found_px), default=np.nan)
    return nearest if nearest < 1 else np.nan
