"""Draw the faces of one step, change them at random, pair them with what is wanted."""

import hashlib
from collections.abc import Sequence
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


@dataclass(frozen=True, eq=False)
class Part:
    """Some of a person's faces, and what should become of them.

    Attributes:
        person: whose faces.
        index: which of them, `(N,)`.
        source: `(1, 512)` whose face to draw over them.
        pictures: what should come out, for all of the person's faces.
    """

    person: Person
    index: Tensor
    source: Tensor
    pictures: Pictures

    def stored(self) -> Tensor:
        """`(N, 6, P, P)` uint8: the faces, where to draw, eyes and mouth."""
        faces = self.person.faces
        planes = [faces.rgb, self.pictures.mask, faces.regions[:, 1:]]
        return torch.cat([plane.index_select(0, self.index) for plane in planes], 1)

    def others(self) -> Tensor | None:
        """`(N, 3, P, P)` uint8 what should come out, where that is not the faces themselves."""
        wanted = self.pictures.rgb
        return None if wanted is self.person.faces.rgb else wanted.index_select(0, self.index)

    def lookup(self) -> Tensor:
        """`(N, 3, 80, 80)`."""
        return self.person.lookup.index_select(0, self.index)


def lessons(
    parts: Sequence[Part],
    settings: TrainingSettings,
    generator: torch.Generator,
    device: torch.device,
) -> Batch:
    """Faces and what should become of them, moved, bent and lit alike; some of the first degraded.

    Args:
        parts: one after the other; all are stored alike large.
        settings: how strongly to change.
        generator: all chance comes from it.
        device: where the batch is wanted.
    """
    counts = [len(part.index) for part in parts]
    change = draw_change(sum(counts), settings, generator, parts[0].person.faces.pixels)
    # all at once: finding where to sample costs more than sampling one plane more
    seen = sampled(torch.cat([part.stored() for part in parts]), change.bent)
    rgb, believed, features = seen.split([3, 1, 2], 1)
    clean = lit(rgb, change)
    target = degraded(clean, settings, generator)
    wanted, end = clean, 0
    for part, count in zip(parts, counts, strict=True):
        end, others = end + count, part.others()
        if others is not None:
            some = change[end - count : end]
            wanted = wanted.clone() if wanted is clean else wanted
            wanted[end - count : end] = lit(sampled(others, some.bent), some)
    lookup = looked_up(torch.cat([part.lookup() for part in parts]), change.bent)
    return _on(
        device,
        Batch(target, _sources(parts), wanted, believed, attention(features, settings), lookup),
    )


def as_they_are(part: Part, settings: TrainingSettings, device: torch.device) -> Batch:
    """Unchanged faces, and what should become of them."""
    rgb, believed, features = network_square(part.stored()).split([3, 1, 2], 1)
    others = part.others()
    still = unchanged(len(part.index), part.person.faces.pixels)
    return _on(
        device,
        Batch(
            target=rgb,
            source=_sources([part]),
            wanted=rgb if others is None else network_square(others),
            believed=believed,
            attention=attention(features, settings),
            lookup=looked_up(part.lookup(), still),
        ),
    )


def _sources(parts: Sequence[Part]) -> Tensor:
    return torch.cat([part.source.expand(len(part.index), -1) for part in parts])


def _on(device: torch.device, batch: Batch) -> Batch:
    """The batch on the device, what the network is given channels last."""
    whole = {field.name: getattr(batch, field.name).to(device) for field in fields(Batch)}
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
