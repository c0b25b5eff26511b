"""Whom the held-out faces show once they are drawn, in whose pose, and how calmly.

As the swap's report measures it, but on the faces as the network draws them: before the swap puts
them into their frames, and without a film being made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from facepipe.arrays import FloatArray, RgbImage, RgbImages
from facepipe.compositing.calm import face_change, face_weight, flicker_ratio
from facepipe.identity.embedding import ARCFACE_PX, ArcFaceFile
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.landmarks.regions import landmark_error_iod, nearest_error_iod
from facepipe.training.batches import JUDGED, Part, Person, Pictures, as_they_are, some_of
from facepipe.training.data import margin_of, reduced
from facepipe.training.grids import pictures
from facepipe.training.judging import change, draw_all
from facepipe.training.losses import Batch
from facepipe.training.settings import TrainingSettings

Embed: TypeAlias = Callable[[RgbImages], FloatArray]
"""`(N, 112, 112, 3)` ArcFace-aligned faces to `(N, 512)` unit vectors."""
Find: TypeAlias = Callable[[RgbImage], FloatArray]
"""A picture `(H, W, 3)` to the landmarks `(F, 478, 3)` of the faces in it, in pixels."""
_ARCFACE_LEFT_PX = 8  # what the network's square shows more than ArcFace's, left and right


@dataclass(frozen=True)
class Senses:
    """What looks at drawn faces; numbers that need what is not there are left out.

    Attributes:
        embed: what both people's embeddings were made with.
        find: finds faces in stills.
        arcface: the file behind `embed`, if there is one to learn through.
    """

    embed: Embed | None = None
    find: Find | None = None
    arcface: ArcFaceFile | None = None


class Examinable(Protocol):
    """Further held-out numbers of a network, and of what it is to make."""

    def of(self, network: nn.Module) -> dict[str, float]:
        """Of what a network makes; no chance is drawn."""
        ...

    def of_wanted(self) -> dict[str, float]:
        """Of what it should make."""
        ...


@dataclass(frozen=True, eq=False)
class Examination:
    """Held-out faces, and who looks at what a network makes of them.

    Attributes:
        person: whose faces are drawn over.
        wanted: what should become of them.
        people: unit embeddings `(512,)` by name: `identity`, and `target` if it is another.
        settings: of the training.
        device: where the network is.
        senses: who looks.
    """

    person: Person
    wanted: Pictures
    people: Mapping[str, FloatArray]
    settings: TrainingSettings
    device: torch.device
    senses: Senses = Senses()

    @cached_property
    def batch(self) -> Batch:
        """The faces, spread over the film."""
        return self._batch(some_of(self.person.faces.judged, JUDGED))

    def of(self, network: nn.Module) -> dict[str, float]:
        """Numbers of the network's faces; no chance is drawn."""
        return self._of(draw_all(network, self.batch).rgb, draw_all(network, self._run).rgb)

    def of_wanted(self) -> dict[str, float]:
        """The same of what the network is to draw, which it can hardly surpass."""
        numbers = self._of(self.batch.wanted, self._run.wanted)
        return {"change": change(self.batch.wanted, self.batch), **numbers}

    def _of(self, drawn: Tensor, run: Tensor) -> dict[str, float]:
        numbers: dict[str, float] = {}
        faces = self.person.faces
        if self.senses.embed is not None:
            numbers |= similarities(drawn, self.people, self.senses.embed)
        if self.senses.find is not None:
            index = some_of(faces.judged, JUDGED)
            # a tensor of one number would be taken for that number, not for a list of it
            points = faces.points_px[index.numpy()]
            errors = landmark_errors(drawn, faces.rgb[index], points, self.senses.find)
            numbers |= {"landmark_error_iod": float(np.mean(errors))} if errors else {}
        if len(run) > 1:
            margin = margin_of(faces.stored_px)
            points = faces.points_px[self._run_index.numpy()]
            points = points - np.array([margin, margin, 0], np.float32)
            numbers["flicker_ratio"] = flicker(run, self._run.target, points)
        return numbers

    @cached_property
    def _run_index(self) -> Tensor:
        return self.person.faces.judged_run[: JUDGED // 2]

    @cached_property
    def _run(self) -> Batch:
        return self._batch(self._run_index)

    def _batch(self, index: Tensor) -> Batch:
        source = torch.from_numpy(self.people["identity"])[None]
        part = Part(self.person, index, source, self.wanted)
        return as_they_are(part, self.settings, self.device)


def similarities(
    squares: Tensor, people: Mapping[str, FloatArray], embed: Embed
) -> dict[str, float]:
    """How much faces resemble people: mean cosines, and the share closer to the identity.

    Args:
        squares: `(N, 3, S, S)` faces in the network's square, RGB in 0..1.
        people: unit embeddings `(512,)` by name, made with `embed`.
        embed: what turns faces into such vectors.
    """
    inner = slice(_ARCFACE_LEFT_PX, _ARCFACE_LEFT_PX + ARCFACE_PX)
    seen = np.stack([reduced(picture, NETWORK_PX) for picture in pictures(squares)])
    vectors = embed(np.ascontiguousarray(seen[:, :ARCFACE_PX, inner]))
    cosines = {name: vectors @ embedding for name, embedding in people.items()}
    numbers = {f"similarity_to_{name}": float(found.mean()) for name, found in cosines.items()}
    if "target" in cosines:
        closer = cosines["identity"] > cosines["target"]
        numbers["closer_to_identity_share"] = float(closer.mean())
    return numbers


def landmark_errors(
    squares: Tensor, stored: Tensor, points_px: FloatArray, find: Find
) -> list[float]:
    """How far swaps' landmarks are from the targets', as shares of the eyes' distance.

    Both are found in the same square, so that what the finder itself is off by is in both.
    Squares without a face, before or after, are left out.

    Args:
        squares: `(N, 3, S, S)` swapped faces in the network's square, RGB in 0..1.
        stored: `(N, 3, P, P)` uint8, the targets with their margin.
        points_px: `(N, 478, 3)` where the targets' landmarks about are, in pixels of `stored`.
        find: finds faces in a picture.
    """
    errors: list[float] = []
    margin = margin_of(stored.shape[-1])
    inner = slice(margin, stored.shape[-1] - margin)
    for picture, face, about in zip(
        pictures(stored / 255), pictures(squares), points_px, strict=True
    ):
        faces = find(picture)
        off = [landmark_error_iod(about, points) for points in faces]
        if min(off, default=1.0) < 1:
            picture[inner, inner] = face
            errors.append(nearest_error_iod(faces[int(np.argmin(off))], find(picture)))
    return [error for error in errors if np.isfinite(error)]


def flicker(squares: Tensor, before: Tensor, points_px: FloatArray) -> float:
    """Change from frame to frame of drawn faces over that of the faces they were drawn over.

    Args:
        squares: `(N, 3, S, S)` drawn faces of frames that follow each other, RGB in 0..1.
        before: the same faces as they were.
        points_px: `(N, 478, 3)` their landmarks, in pixels of the squares.
    """
    faces = [face_weight(points, squares.shape[-1]) for points in points_px[1:]]
    changes = [
        [
            face_change(*pair, face)
            for pair, face in zip(pairwise(pictures(film)), faces, strict=True)
        ]
        for film in (squares, before)
    ]
    return flicker_ratio(*(float(np.mean(change)) for change in changes))
