"""Adapt an identity model to one target: LoRA, taught by the mesh swap."""

from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from peft import PeftModel
from torch import Tensor, nn

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.teacher import MeshTeacher
from facepipe.identity.face_set import FaceSet
from facepipe.training.adapter import adapter_config, add_adapter, rank_notes, save_adapter
from facepipe.training.augment import draw_change, lit, sampled
from facepipe.training.batches import (
    checked_embedding,
    digest,
    draw_faces,
    joined,
    reconstruction,
    some_of,
)
from facepipe.training.checkpoint import best_of, load_generator, weights_digest
from facepipe.training.data import STORED_PX, Faces, load_faces, network_square, planes
from facepipe.training.device import placed
from facepipe.training.grids import grid
from facepipe.training.identity_model import Work, open_workplace
from facepipe.training.judging import JUDGED, SHOWN, draw_all, held_out_numbers
from facepipe.training.loop import train
from facepipe.training.losses import Batch, pixel_weight
from facepipe.training.report import TrainingSummary
from facepipe.training.settings import LoraTrainingSettings
from facepipe.training.task import judging_notes, publish


@dataclass(frozen=True, eq=False)
class Person:
    """Faces and the embedding `(1, 512)` they are drawn under."""

    faces: Faces
    source: Tensor


@dataclass(frozen=True, eq=False)
class Lessons:
    """The mesh swap of every target face.

    Attributes:
        rgb: `(N, 3, 160, 160)` uint8, what should come out.
        mask: `(N, 1, 160, 160)` uint8, 255 where it is to be believed.
    """

    rgb: Tensor
    mask: Tensor


def train_lora(
    base: Path,
    identity: FaceSet,
    identity_embedding: FloatArray,
    target: FaceSet,
    target_embedding: FloatArray,
    settings: LoraTrainingSettings,
    **work: Unpack[Work],
) -> TrainingSummary:
    """Teach an identity model to draw the identity over one target; `out` receives the adapter.

    `base` is what `train_identity` left (its `best/` is taken); it stays as it is. Under the
    identity's embedding the target's faces must become what the mesh swap shows, under the
    target's own they must stay, and the identity's must stay the identity's: the function that
    changes nothing fails the first of these.

    Raises:
        StoppedError: `stop` said so; the state is saved.
        DivergedError: The loss stopped being a number again and again.
        SettingsError: `scratch` holds a state of other settings, faces or another base.
        ModelFileError: `base` holds no identity model.
        BadInputError: An embedding is not of unit norm.
    """
    workplace = open_workplace(work)
    every = settings.held_out_every
    people = (
        Person(load_faces(identity, every), checked_embedding(identity_embedding, "identity")),
        Person(load_faces(target, every), checked_embedding(target_embedding, "target")),
    )
    lessons = mesh_lessons(identity, people[1].faces)
    task = LoraTask(best_of(base), people, lessons, settings, workplace.accelerator.device)
    task.network = placed(task.network, workplace.accelerator)
    summary = train(task, settings, workplace)
    publish(work["scratch"], work["out"])
    return summary


def mesh_lessons(identity: FaceSet, target: Faces) -> Lessons:
    """What the mesh swap makes of each target face, margin included."""
    teacher = MeshTeacher(identity, size_px=STORED_PX)
    crops = target.rgb.permute(0, 2, 3, 1).numpy()
    pairs = zip(crops, target.points_px, strict=True)
    swaps = [teacher.swap(np.ascontiguousarray(crop), points) for crop, points in pairs]
    masks = np.stack([np.round(swap.mask * 255).astype(np.uint8) for swap in swaps])
    return Lessons(planes(np.stack([swap.rgb for swap in swaps])), planes(masks[..., None]))


class LoraTask:
    """What an adapter is trained on.

    Args:
        base: folder of the identity model.
        people: identity and target.
        lessons: the mesh swap of the target's faces.
        settings: how to train.
        device: where.
    """

    def __init__(
        self,
        base: Path,
        people: tuple[Person, Person],
        lessons: Lessons,
        settings: LoraTrainingSettings,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        self.identity, self.target = people
        self.lessons = lessons
        self.base_digest = weights_digest(base)
        generator = load_generator(base)
        alpha = settings.rank if settings.alpha is None else settings.alpha
        config = adapter_config(generator, settings.rank, alpha, settings.dropout)
        self.network: nn.Module = add_adapter(generator, self.base_digest, config, settings.seed)
        self.rank_notes = rank_notes(config)
        self.held_out = self._held_out()

    def batch(self, generator: torch.Generator) -> Batch:
        """The mesh swap's lessons, the identity's own faces, and the target's own."""
        size = self.settings.batch_size
        taught = max(1, round(size * self.settings.taught))
        own = min(size - taught, round(size * self.settings.own))
        parts = [self._taught(draw_faces(self.target.faces, taught, generator), generator)]
        for person, count in ((self.identity, own), (self.target, size - taught - own)):
            if count:
                index = draw_faces(person.faces, count, generator)
                parts.append(
                    reconstruction(person.faces, index, person.source, self.settings, generator)
                )
        return joined(parts, self.device)

    def judge(self) -> dict[str, float]:
        """Numbers on the held-out target faces, against their mesh swap."""
        drawn = draw_all(self.network, self.held_out)
        return held_out_numbers(drawn, self.held_out, self.settings)

    def preview(self) -> RgbImage:
        """Columns: the identity, the target, the mesh swap, the network's swap."""
        few = some_of(torch.arange(len(self.held_out.target)), SHOWN)
        faces = some_of(self.identity.faces.judged, len(few))
        shown = network_square(self.identity.faces.rgb[faces.repeat(len(few))[: len(few)]])
        target, wanted = self.held_out.target[few], self.held_out.wanted[few]
        return grid([shown, target, wanted, self.network(target, self.held_out.source[few])])

    def save(self, folder: Path) -> None:
        """Write the adapter in PEFT's format."""
        if isinstance(self.network, PeftModel):
            save_adapter(folder, self.network)

    def pinned(self) -> dict[str, str]:
        """Hashes of the base, of both people's faces and of the lessons."""
        people = {
            name: digest(person.faces.rgb, person.faces.regions, person.source)
            for name, person in (("identity", self.identity), ("target", self.target))
        }
        lessons = digest(self.lessons.rgb, self.lessons.mask)
        return {"base_sha256": self.base_digest, "lessons": lessons, **people}

    def facts(self) -> tuple[int, int]:
        """Target faces trained on, and the rank."""
        return len(self.target.faces.trained), self.settings.rank

    def notes(self) -> list[str]:
        """Too few target faces, and layers that do not allow the rank."""
        return [*judging_notes(self.target.faces), *self.rank_notes]

    def _taught(self, index: Tensor, generator: torch.Generator) -> Batch:
        """Target faces as they are and what the mesh swap makes of them, bent alike."""
        change = draw_change(len(index), self.settings, generator)
        faces, lessons = self.target.faces, self.lessons
        believed = sampled(lessons.mask[index], change.bent)
        regions = sampled(faces.regions[index], change.bent)
        return Batch(
            target=lit(sampled(faces.rgb[index], change.bent), change),
            source=self.identity.source.expand(len(index), -1),
            wanted=lit(sampled(lessons.rgb[index], change.bent), change),
            weight=pixel_weight(_believed(regions, believed), self.settings),
        )

    def _held_out(self) -> Batch:
        index = some_of(self.target.faces.judged, JUDGED)
        regions = network_square(self.target.faces.regions[index])
        believed = network_square(self.lessons.mask[index])
        batch = Batch(
            target=network_square(self.target.faces.rgb[index]),
            source=self.identity.source.expand(len(index), -1),
            wanted=network_square(self.lessons.rgb[index]),
            weight=pixel_weight(_believed(regions, believed), self.settings),
        )
        return joined([batch], self.device)


def _believed(regions: Tensor, mask: Tensor) -> Tensor:
    """Regions with the face being where the mesh swap is to be believed."""
    return torch.cat([mask, regions[:, 1:]], dim=1)
