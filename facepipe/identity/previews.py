"""Pictures of a face set for people to look at."""

import numpy as np

from facepipe.arrays import RgbImage
from facepipe.errors import NoFaceError
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import cut

TILE_PX = 128


def thumbnail(faces: FaceSet) -> RgbImage:
    """The `(320, 320, 3)` face that looks straightest ahead among the sharper half.

    Raises:
        NoFaceError: There are no faces.
    """
    _require_faces(faces)
    turned = np.hypot(faces.pose_deg[:, 0], faces.pose_deg[:, 1])
    blurred = faces.sharpness < np.median(faces.sharpness)
    return faces.crops_rgb[int(np.argmin(np.where(blurred, np.inf, turned)))]


def contact_sheet(faces: FaceSet, columns: int = 8, rows: int = 4) -> RgbImage:
    """At most `columns * rows` faces, evenly spread over the set, as one `(H, W, 3)` picture.

    Raises:
        NoFaceError: There are no faces.
    """
    _require_faces(faces)
    count = min(len(faces), columns * rows)
    places = np.linspace(0, len(faces) - 1, count).round().astype(int)
    height = -(-count // columns)
    sheet = np.full((height * TILE_PX, columns * TILE_PX, 3), 255, np.uint8)
    for tile, place in enumerate(places):
        top, left = (tile // columns) * TILE_PX, (tile % columns) * TILE_PX
        sheet[top : top + TILE_PX, left : left + TILE_PX] = _tile(faces.crops_rgb[place])
    return sheet


def _tile(crop_rgb: RgbImage) -> RgbImage:
    scale = TILE_PX / len(crop_rgb)
    return cut(crop_rgb, np.array([[scale, 0, 0], [0, scale, 0]], np.float32), TILE_PX)


def _require_faces(faces: FaceSet) -> None:
    if not len(faces):
        raise NoFaceError("the face set holds 0 faces; a picture of it needs at least 1")
