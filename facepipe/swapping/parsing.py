"""A face parser as a mask: any ONNX file in the layout of BiSeNet trained on CelebAMask-HQ."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import ModelFileError
from facepipe.inference.sessions import open_session
from facepipe.landmarks.alignment import cut, similarity
from facepipe.landmarks.regions import five_points
from facepipe.swapping.place import Place

PARSER_PX = 512
CLASSES = (
    "background", "skin", "left brow", "right brow", "left eye", "right eye", "glasses",
    "left ear", "right ear", "earring", "nose", "mouth", "upper lip", "lower lip", "neck",
    "necklace", "cloth", "hair", "hat",
)  # fmt: skip
"""CelebAMask-HQ's, in the order of BiSeNet's outputs."""
FACE_CLASSES = (1, 2, 3, 4, 5, 6, 10, 11, 12, 13)
"""What is swapped: lenses are part of the face, because eyes show through them."""
_FFHQ = np.array(
    [[0.377, 0.469], [0.623, 0.469], [0.501, 0.613], [0.393, 0.725], [0.612, 0.725]], np.float32
)
"""Where the five points are in the pictures that parsers are trained on, as shares of a side."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # ImageNet's, as all BiSeNet files want it
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


class FaceParser:
    """Tells skin and features of a face from hair, clothes and what is behind; an `Occlusion`.

    Args:
        path: the `.onnx` file.
        device: as `inference.sessions.open_session` takes it.
        threads: of the CPU; 0 leaves it to the runtime.

    Raises:
        ModelFileError: The file is missing, damaged, or of another layout.
    """

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        self._session: Any = open_session(path, device=device, threads=threads)
        self._input, self._output = _names(path, self._session)

    def visible(self, place: Place) -> FloatArray:
        """`(S, S)` 1 where the parser sees the face, running out over about a pixel of its own."""
        to_parser = similarity(five_points(place.face_px), _FFHQ * PARSER_PX)
        face = self._face(cut(place.frame.rgb, to_parser, PARSER_PX))
        to_square = _onto(place.transform, to_parser)
        return np.asarray(cv2.warpAffine(face, to_square, place.size_wh), np.float32)

    def _face(self, square_rgb: RgbImage) -> FloatArray:
        """`(512, 512)` 0 to 1."""
        picture = (square_rgb.astype(np.float32) / 255 - _MEAN) / _DEVIATION
        feed = {self._input: np.ascontiguousarray(picture.transpose(2, 0, 1)[None])}
        (scores,) = self._session.run([self._output], feed)
        face = np.isin(scores[0].argmax(0), FACE_CLASSES).astype(np.float32)
        return np.asarray(cv2.blur(face, (5, 5)), np.float32)


def _onto(transform: FloatArray, other: FloatArray) -> FloatArray:
    """From pixels of `other`'s square to those of `transform`'s, `(2, 3)`."""
    back = cv2.invertAffineTransform(other)
    linear = transform[:, :2] @ back[:, :2]
    return np.column_stack([linear, transform[:, :2] @ back[:, 2] + transform[:, 2]])


def _names(path: Path, session: Any) -> tuple[str, str]:
    """The input's name, and that of the first output with a score for each class and pixel."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    taken = [one for one in inputs if _fits(one.shape, (3, PARSER_PX, PARSER_PX))]
    given = [one for one in outputs if _fits(one.shape, (len(CLASSES), PARSER_PX, PARSER_PX))]
    if len(inputs) != 1 or not taken or not given:
        found = ", ".join(f"{one.name} {one.shape}" for one in [*inputs, *outputs])
        raise ModelFileError(
            f"{path}: not in the layout of a BiSeNet face parser: its inputs and outputs are "
            f"{found}; needed are one input [N, 3, 512, 512] and an output [N, 19, 512, 512]"
        )
    return str(taken[0].name), str(given[0].name)


def _fits(shape: list[int | str | None], wanted: tuple[int, int, int]) -> bool:
    """Whether a picture is wanted, one at a time or any number; a free size fits as well."""
    if len(shape) != 4 or (isinstance(shape[0], int) and shape[0] != 1):
        return False
    return all(
        not isinstance(got, int) or got == want for got, want in zip(shape[1:], wanted, strict=True)
    ) and isinstance(shape[1], int)
