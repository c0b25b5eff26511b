"""Draw the faces of one step, change them at random, pair them with what is wanted."""

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepipe.arrays import FloatArray, check_shape
from facepipe.errors import BadInputError
from facepipe.training.augment import draw_change, lit, sampled
from facepipe.training.data import Faces, yaw_weights
from facepipe.training.generator import EMBEDDING
from facepipe.training.losses import Batch, pixel_weight
from facepipe.training.settings import TrainingSettings


def draw_faces(faces: Faces, count: int, generator: torch.Generator) -> Tensor:
    """Indices of `count` faces to train on, every yaw equally often, with replacement."""
    trained = faces.trained
    weights = yaw_weights(faces.yaw_deg[trained.numpy()])
    return trained[torch.multinomial(weights, count, replacement=True, generator=generator)]


def reconstruction(
    faces: Faces,
    index: Tensor,
    source: Tensor,
    settings: TrainingSettings,
    generator: torch.Generator,
) -> Batch:
    """Bent faces in, the same faces unbent out: what the person looks like must be learnt."""
    change = draw_change(len(index), settings, generator)
    rgb, regions = faces.rgb[index], faces.regions[index]
    return Batch(
        target=lit(sampled(rgb, change.bent), change),
        source=source.expand(len(index), -1),
        wanted=lit(sampled(rgb, change.moved), change),
        weight=pixel_weight(sampled(regions, change.moved), settings),
    )


def joined(batches: list[Batch], device: torch.device) -> Batch:
    """One batch of all, on the device, pictures channels last."""

    def whole(parts: list[Tensor]) -> Tensor:
        return torch.cat(parts).to(device)

    target = whole([batch.target for batch in batches])
    return Batch(
        target=target.contiguous(memory_format=torch.channels_last),
        source=whole([batch.source for batch in batches]),
        wanted=whole([batch.wanted for batch in batches]),
        weight=whole([batch.weight for batch in batches]),
    )


def checked_embedding(embedding: FloatArray, name: str) -> Tensor:
    """`(1, 512)` from `(512,)`.

    Raises:
        ShapeError: It has another shape.
        BadInputError: It is not of unit norm.
    """
    check_shape(embedding, (EMBEDDING,), name=name)
    norm = float(np.linalg.norm(embedding))
    if not abs(norm - 1) < 1e-3:
        raise BadInputError(f"{name} has norm {norm:.4g}; an embedding of norm 1 is needed")
    return torch.from_numpy(np.asarray(embedding, np.float32))[None]


def digest(*arrays: NDArray[np.generic] | Tensor) -> str:
    """The SHA-256 of arrays' contents, which says whether a state belongs to them."""
    total = hashlib.sha256()
    for array in arrays:
        plain = array.numpy() if isinstance(array, Tensor) else array
        total.update(np.ascontiguousarray(plain).tobytes())
    return total.hexdigest()


def some_of(index: Tensor, count: int) -> Tensor:
    """At most `count` of the indices, evenly spread."""
    if len(index) <= count:
        return index
    return index[torch.linspace(0, len(index) - 1, count).round().long()]
