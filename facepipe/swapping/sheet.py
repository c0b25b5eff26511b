"""The contact sheet: a few moments of the clip, from the target to the swap."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import paste
from facepipe.compositing.teacher import MeshTeacher
from facepipe.errors import BadInputError
from facepipe.landmarks.alignment import (
    FACE_MARGIN_PX,
    FACE_PX,
    apply_transform,
    cut,
    face_transform,
    network_transform,
)
from facepipe.landmarks.regions import five_points

COLUMNS = ("target", "mesh", "model", "swap")
_CAPTION_PX = 28
PAPER = 245
_INK = (40, 40, 40)


@dataclass(frozen=True, eq=False)
class Moment:
    """One row of the sheet.

    Attributes:
        pts_s: time in the clip, in seconds.
        target, mesh, model, swap: `(320, 320, 3)` pictures of the face: as it was, swapped by
            mesh, as the model drew it, and in the finished video.
    """

    pts_s: float
    target: RgbImage
    mesh: RgbImage
    model: RgbImage
    swap: RgbImage


def moment_of(
    pts_s: float,
    frames_rgb: tuple[RgbImage, RgbImage],
    face_px: FloatArray,
    drawn_rgb: RgbImage,
    teacher: MeshTeacher,
) -> Moment:
    """The row for one swapped frame.

    Args:
        pts_s: its time.
        frames_rgb: `(H, W, 3)` each: the target's frame, and the swapped one.
        face_px: `(478, 3)` landmarks in the frame.
        drawn_rgb: `(S, S, 3)` the square the swapper drew.
        teacher: draws the mesh swap.
    """
    target_rgb, swapped_rgb = frames_rgb
    five_px = five_points(face_px)
    show, network = face_transform(five_px), network_transform(five_px, teacher.size_px)
    crop_rgb = cut(target_rgb, network, teacher.size_px)
    mesh = teacher.swap(crop_rgb, apply_transform(network, face_px))
    meshed_rgb = paste(target_rgb, mesh.rgb, mesh.mask, network)
    return Moment(
        pts_s,
        cut(target_rgb, show, FACE_PX),
        cut(meshed_rgb, show, FACE_PX),
        _with_margin(drawn_rgb),
        cut(swapped_rgb, show, FACE_PX),
    )


def _with_margin(square_rgb: RgbImage) -> RgbImage:
    """A network square where it lies in the shown one."""
    side = FACE_PX - 2 * FACE_MARGIN_PX
    shown = np.full((FACE_PX, FACE_PX, 3), PAPER, np.uint8)
    inner = slice(FACE_MARGIN_PX, FACE_MARGIN_PX + side)
    shown[inner, inner] = cv2.resize(square_rgb, (side, side), interpolation=cv2.INTER_CUBIC)
    return shown


def contact_sheet(moments: Sequence[Moment]) -> RgbImage:
    """A row per moment, a column per stage, with captions, `(H, W, 3)`.

    Raises:
        BadInputError: There is no moment to show.
    """
    if not moments:
        raise BadInputError("a contact sheet needs at least 1 moment, got 0")
    heads = [caption(name, FACE_PX) for name in COLUMNS]
    bands = [np.hstack(heads)]
    for moment in moments:
        cells = [moment.target, moment.mesh, moment.model, moment.swap]
        bands += [np.hstack(cells), caption(f"{moment.pts_s:.2f} s", FACE_PX * len(COLUMNS))]
    return np.vstack(bands)


def caption(text: str, width_px: int) -> RgbImage:
    """A line of text on paper, `(28, width_px, 3)`."""
    band = np.full((_CAPTION_PX, width_px, 3), PAPER, np.uint8)
    cv2.putText(band, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, _INK, 1, cv2.LINE_AA)
    return band
