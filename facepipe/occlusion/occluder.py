"""Runs an occluder file: squares in, where the face shows out."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto

from facepipe.arrays import FloatArray, RgbImage, check_shape
from facepipe.errors import ModelFileError
from facepipe.inference.onnx_files import load_onnx
from facepipe.inference.sessions import open_session
from facepipe.occlusion.contract import INPUT_PX, LAYOUTS

_CALM_PX = 5.0


class Occluder:
    """An ONNX file in FaceFusion's or DeepFaceLab's layout.

    Args:
        path: the file.
        device: as `inference.sessions.open_session` takes it.
        threads: of the CPU; 0 leaves it to the runtime.

    Raises:
        ModelFileError: The file is missing, damaged, or in neither layout.
    """

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        self.layout = read_layout(path)
        self._path = path
        self._input, self._output = LAYOUTS[self.layout]
        self._session: Any = open_session(path, device=device, threads=threads)

    def shares(self, square_rgb: RgbImage) -> FloatArray:
        """How much of each pixel `(256, 256)` of a square `(256, 256, 3)` shows the face, 0 to 1.

        Raises:
            ModelFileError: What the file gives is no number, or of another size.
        """
        check_shape(square_rgb, (INPUT_PX, INPUT_PX, 3), name="square_rgb")
        bgr = np.ascontiguousarray(square_rgb[None, ..., ::-1]).astype(np.float32) / 255
        found = np.asarray(self._session.run([self._output], {self._input: bgr})[0], np.float32)
        if found.size != INPUT_PX * INPUT_PX or not np.isfinite(found).all():
            raise ModelFileError(
                f"{self._path}: gave a mask of shape {found.shape}, or one that is no number; "
                f"{INPUT_PX} x {INPUT_PX} shares from 0 to 1 are needed"
            )
        return np.clip(found.reshape(INPUT_PX, INPUT_PX), 0, 1)


def calmed(shares: FloatArray) -> FloatArray:
    """Shares `(H, W)` as a mask that fades in, as FaceFusion makes it of them.

    A pixel that is half sure shows nothing, and the edge lies inside the face.
    """
    soft = cv2.GaussianBlur(shares, (0, 0), _CALM_PX)
    return np.asarray((np.clip(soft, 0.5, 1) - 0.5) * 2, np.float32)


def read_layout(path: Path) -> str:
    """Which of `LAYOUTS` a file is in.

    Raises:
        ModelFileError: It is missing or damaged, or has other names or sizes.
    """
    graph = load_onnx(path, "an occluder's ONNX file").graph
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in stored]
    outputs = [value.name for value in graph.output]
    for layout, (taken, given) in LAYOUTS.items():
        if [value.name for value in inputs] == [taken] and outputs[:1] == [given]:
            if _is_square(inputs[0]):
                return layout
            break
    raise ModelFileError(
        f"{path}: no occluder: it takes {[value.name for value in inputs]} and gives {outputs}; "
        f"needed are a float32 {' or '.join(taken for taken, _ in LAYOUTS.values())} "
        f"(N, {INPUT_PX}, {INPUT_PX}, 3), and "
        f"{' or '.join(given for _, given in LAYOUTS.values())}"
    )


def _is_square(value: onnx.ValueInfoProto) -> bool:
    kind = value.type.tensor_type
    sizes = [axis.dim_value for axis in kind.shape.dim]
    return kind.elem_type == TensorProto.FLOAT and sizes[1:] == [INPUT_PX, INPUT_PX, 3]
