"""Draw the faces of one step, change them at random, pair them with what is wanted."""

import hashlib
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facepipe.arrays import FloatArray, check_shape
from facepipe.errors import BadInputError
from facepipe.training.augment import draw_change, lit, looked_up, sampled, unchanged
from facepipe.training.data import Faces, network_square
from facepipe.training.degradation import degraded
from facepipe.training.generator import EMBEDDING
from facepipe.training.losses import Batch, attention
from facepipe.training.settings import TrainingSettings

JUDGED = 16
"""Faces judged each epoch: enough to tell epochs apart, at the cost of about one step."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """What should become of each of a person's `N` faces.

    Attributes:
        rgb: `(N, 3, P, P)` uint8, stored squares.
        mask: `(N, 1, P, P)` uint8, 255 where a face should be drawn.
    """

    rgb: Tensor
    mask: Tensor


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody's faces, the embedding `(1, 512)` they are drawn under, and `lookups` of them."""

    faces: Faces
    source: Tensor
    lookup: Tensor

    @property
    def themselves(self) -> Pictures:
        """Every face becomes itself, and is drawn."""
        return Pictures(self.faces.rgb, self.faces.regions[:, :1])

    @property
    def untouched(self) -> Pictures:
        """Every face stays, and nothing is drawn."""
        return Pictures(self.faces.rgb, torch.zeros_like(self.faces.regions[:, :1]))


def draw_faces(faces: Faces, count: int, generator: torch.Generator) -> Tensor:
    """Indices of `count` faces to train on, every view equally often, with replacement."""
    drawn = torch.multinomial(faces.odds, count, replacement=True, generator=generator)
    return faces.trained[drawn]


def lessons(
    person: Person,
    index: Tensor,
    source: Tensor,
    pictures: Pictures,
    settings: TrainingSettings,
    generator: torch.Generator,
) -> Batch:
    """Faces and what should become of them, moved, bent and lit alike; some of the first degraded.

    Args:
        person: whose faces.
        index: which of them, `(N,)`.
        source: `(1, 512)` whose face to draw over them.
        pictures: what should come out, for all of the person's faces.
        settings: how strongly to change.
        generator: all chance comes from it.
    """
    faces = person.faces
    change = draw_change(len(index), settings, generator, faces.pixels)
    planes = [faces.rgb, faces.regions, pictures.mask]
    if pictures.rgb is not faces.rgb:
        planes.append(pictures.rgb)
    # all at once: finding where to sample costs more than sampling one plane more
    seen = sampled(torch.cat([plane.index_select(0, index) for plane in planes], 1), change.bent)
    rgb, regions, believed, *other = seen.split([plane.shape[1] for plane in planes], 1)
    clean = lit(rgb, change)
    return Batch(
        target=degraded(clean, settings, generator),
        source=source.expand(len(index), -1),
        wanted=lit(other[0], change) if other else clean,
        believed=believed,
        attention=attention(regions, settings),
        lookup=looked_up(person.lookup.index_select(0, index), change.bent),
    )


def as_they_are(
    person: Person, index: Tensor, source: Tensor, pictures: Pictures, settings: TrainingSettings
) -> Batch:
    """Faces `(N,)` of a person, and what should become of them."""
    believed = network_square(pictures.mask[index])
    regions = network_square(person.faces.regions[index])
    return Batch(
        target=network_square(person.faces.rgb[index]),
        source=source.expand(len(index), -1),
        wanted=network_square(pictures.rgb[index]),
        believed=believed,
        attention=attention(regions, settings),
        lookup=looked_up(person.lookup[index], unchanged(len(index), person.faces.pixels)),
    )


def joined(batches: list[Batch], device: torch.device) -> Batch:
    """One batch of all, on the device, pictures channels last."""
    whole = {
        field.name: torch.cat([getattr(batch, field.name) for batch in batches]).to(device)
        for field in fields(Batch)
    }
    whole["target"] = whole["target"].contiguous(memory_format=torch.channels_last)
    return Batch(**whole)


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
