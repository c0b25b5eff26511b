"""An ArcFace file as a frozen torch network: whom a face resembles, with gradients."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facepipe.arrays import FloatArray
from facepipe.errors import VerificationError
from facepipe.identity.embedding import ARCFACE_PX, ArcFaceFile
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.onnx_network import OnnxNetwork
from facepipe.training.onnx_reading import OnnxFile

LEAST_COSINE = 0.9999
"""Between what torch and onnxruntime make of a face; rounding alone stays above 0.999999."""
MOST_DIFFERENCE = 1e-3
"""Of any entry of the two, as a share of the largest."""


class FrozenEmbedder(nn.Module):
    """The network of an ArcFace file; torch and onnxruntime agree on what it makes of faces.

    Args:
        file: the file, and what it takes colours for.

    Raises:
        ModelFileError: It is missing or damaged, takes something else than pictures of 112 px, or
            holds a kind of node not known here.
        VerificationError: torch makes something else of it than onnxruntime.
    """

    def __init__(self, file: ArcFaceFile) -> None:
        super().__init__()
        self.mean, self.std = file.mean, file.std
        onnx_file = OnnxFile(file.path)
        self.network = read_network(onnx_file, self._as_taken(_example()))
        self.takes_batches = _takes_batches(onnx_file)

    def forward(self, faces: Tensor) -> Tensor:
        """Unit vectors `(N, E)` of ArcFace squares `(N, 3, 112, 112)`, RGB in 0..1."""
        taken = self._as_taken(faces)
        parts = [taken] if self.takes_batches else taken.split(1)
        return functional.normalize(torch.cat([self.network(part) for part in parts]))

    def _as_taken(self, faces: Tensor) -> Tensor:
        return (faces * 255 - self.mean) / self.std


def read_network(file: OnnxFile, pictures: Tensor) -> OnnxNetwork:
    """The network in a file, proven on `pictures` `(N, 3, 112, 112)` as it takes them.

    Raises:
        ModelFileError: Pictures of 112 px are not all it takes, or a node's kind is not known.
        VerificationError: torch makes something else of it than onnxruntime.
    """
    (given,) = file.inputs({4: (3, ARCFACE_PX, ARCFACE_PX)})
    made = file.model.graph.output[0].name
    network = OnnxNetwork(file, given, made)
    for picture in pictures.split(1):
        (wanted,) = file.run({given: picture.numpy()}, [made])
        with torch.no_grad():
            _check_same(file, network(picture).numpy(), wanted)
    return network


def arcface_squares(faces: Tensor) -> Tensor:
    """The ArcFace squares `(N, 3, 112, 112)` in network squares `(N, 3, S, S)`.

    At 128 px the network's square shows ArcFace's at its own scale, 8 px from its left and right
    and all 16 px it has more below.
    """
    side = faces.shape[-1]
    inner, left = side * ARCFACE_PX // NETWORK_PX, side * (NETWORK_PX - ARCFACE_PX) // 2
    left //= NETWORK_PX
    squares = faces[..., :inner, left : left + inner]
    if inner == ARCFACE_PX:
        return squares
    return functional.interpolate(squares, ARCFACE_PX, mode="area")


def _check_same(file: OnnxFile, found: FloatArray, wanted: FloatArray) -> None:
    if found.shape != wanted.shape:
        raise VerificationError(
            f"{file.path}: torch makes {found.shape} of a face and onnxruntime {wanted.shape}; "
            f"it cannot be learnt through"
        )
    lengths = np.linalg.norm(found) * np.linalg.norm(wanted)
    cosine = float((found * wanted).sum() / lengths)
    off = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    if not (cosine >= LEAST_COSINE and off <= MOST_DIFFERENCE):  # nor if it is no number
        raise VerificationError(
            f"{file.path}: torch and onnxruntime make different embeddings of a face (cosine "
            f"{cosine:.6f}, entries off by {off:.1e} of the largest); it cannot be learnt through"
        )


def _takes_batches(file: OnnxFile) -> bool:
    held = {tensor.name for tensor in file.model.graph.initializer}
    (given,) = (value for value in file.model.graph.input if value.name not in held)
    return given.type.tensor_type.shape.dim[0].dim_value == 0


def _example() -> Tensor:
    """Two random pictures, smooth with some noise on them, as faces are."""
    chance = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 7, 7, generator=chance)
    smooth = functional.interpolate(coarse, ARCFACE_PX, mode="bilinear")
    return (smooth + 0.05 * torch.randn(smooth.shape, generator=chance)).clamp(0, 1)
