"""Adapt an identity model to one target: LoRA, taught by the mesh swap."""

from dataclasses import replace
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
from facepipe.training.batches import (
    Part,
    Person,
    Pictures,
    checked_embedding,
    digest,
    draw_faces,
    lessons,
    some_of,
)
from facepipe.training.checkpoint import AnyGenerator, best_of, load_generator, weights_digest
from facepipe.training.data import Faces, load_faces, network_square, planes
from facepipe.training.device import placed
from facepipe.training.evaluation import Examination, Senses
from facepipe.training.generator import Drawing, Generator
from facepipe.training.grids import grid
from facepipe.training.identity_model import Work, open_workplace
from facepipe.training.judging import SHOWN, draw_all, held_out_numbers
from facepipe.training.likeness import required_file
from facepipe.training.loop import train
from facepipe.training.losses import Batch, loss_parts
from facepipe.training.report import TrainingSummary
from facepipe.training.settings import LoraTrainingSettings
from facepipe.training.task import judging_notes, publish
from facepipe.training.textures import average_mesh, lookups


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
        SettingsError: `scratch` holds a state of other settings, faces or another base, or a term
            of the objective needs a file that is not there.
        ModelFileError: `base` holds no identity model.
        BadInputError: An embedding is not of unit norm.
    """
    senses = work.get("senses", Senses())
    required_file(settings, senses)  # the mesh swaps take a while
    workplace = open_workplace(work)
    network = load_generator(best_of(base))
    own, other = (
        load_faces(faces, settings.held_out_every, network.pixels) for faces in (identity, target)
    )
    mesh = _mesh(network, own)

    def person(squares: Faces, embedding: FloatArray, name: str) -> Person:
        source = checked_embedding(embedding, name)
        return Person(squares, source, lookups(squares, mesh))

    people = (
        person(own, identity_embedding, "identity"),
        person(other, target_embedding, "target"),
    )
    swaps = mesh_swaps(identity, people[1].faces)
    task = LoraTask(best_of(base), people, swaps, settings, workplace.accelerator.device)
    task.examination = replace(task.examination, senses=senses)
    task.network = placed(task.network, workplace.accelerator)
    summary = train(task, settings, workplace)
    if workplace.ranks.is_first:
        publish(work["scratch"], work["out"])
    return summary


def _mesh(network: AnyGenerator, identity: Faces) -> FloatArray:
    """The mesh that the base's textures lie on; one that looks nothing up takes any."""
    return network.mesh.numpy() if isinstance(network, Generator) else average_mesh(identity)


def mesh_swaps(identity: FaceSet, target: Faces) -> Pictures:
    """What the mesh swap makes of each target face, margin included."""
    teacher = MeshTeacher(identity, size_px=target.stored_px)
    crops = target.rgb.permute(0, 2, 3, 1).numpy()
    pairs = zip(crops, target.points_px, strict=True)
    swaps = [teacher.swap(np.ascontiguousarray(crop), points) for crop, points in pairs]
    # up to the outline: what pastes the network's face feathers it once more
    masks = np.stack([np.round(swap.drawn * 255).astype(np.uint8) for swap in swaps])
    return Pictures(planes(np.stack([swap.rgb for swap in swaps])), planes(masks[..., None]))


class LoraTask:
    """What an adapter is trained on.

    Args:
        base: folder of the identity model.
        people: identity and target.
        swaps: the mesh swap of the target's faces.
        settings: how to train.
        device: where.
    """

    def __init__(
        self,
        base: Path,
        people: tuple[Person, Person],
        swaps: Pictures,
        settings: LoraTrainingSettings,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        self.identity, self.target = people
        self.swaps = swaps
        self.base_digest = weights_digest(base)
        generator = load_generator(base)
        alpha = settings.alpha or settings.rank
        rank, parts = settings.rank, settings.part_ranks()
        self.rank_notes = rank_notes(generator, rank, parts)
        config = adapter_config(generator, rank, alpha, settings.dropout, parts, settings.dora)
        self.network: nn.Module = add_adapter(generator, self.base_digest, config, settings.seed)
        embeddings = {name: who.source[0].numpy() for name, who in self._people().items()}
        self.examination = Examination(self.target, swaps, embeddings, settings, device)
        self.held_out = self.examination.batch

    def batch(self, generator: torch.Generator) -> Batch:
        """The target swapped, the identity as itself, and the target left alone."""
        size = self.settings.batch_size
        taught = max(1, round(size * self.settings.taught))
        own = min(size - taught, round(size * self.settings.own))
        identity, target = self.identity, self.target
        wanted = (
            (taught, target, identity.source, self.swaps),
            (own, identity, identity.source, identity.themselves),
            (size - taught - own, target, target.source, target.untouched),
        )
        parts = [
            Part(person, draw_faces(person.faces, count, generator), source, pictures)
            for count, person, source, pictures in wanted
            if count
        ]
        return lessons(parts, self.settings, generator, self.device)

    def losses(self, made: Drawing, batch: Batch) -> dict[str, Tensor]:
        """How far drawn faces are from the wanted ones."""
        return loss_parts(made, batch, self.settings)

    def judge(self) -> dict[str, float]:
        """Numbers on the held-out target faces, against their mesh swap."""
        drawing = draw_all(self.network, self.held_out)
        return held_out_numbers(drawing, self.held_out, self.settings)

    def preview(self) -> RgbImage:
        """Columns: the identity, the target, the mesh swap, the network's swap."""
        few = some_of(torch.arange(len(self.held_out.target)), SHOWN)
        faces = some_of(self.identity.faces.judged, len(few))
        shown = network_square(self.identity.faces.rgb[faces.repeat(len(few))[: len(few)]])
        target, wanted = self.held_out.target[few], self.held_out.wanted[few]
        drawing = self.network(target, self.held_out.source[few])
        return grid([shown, target, wanted, drawing.rgb])

    def save(self, folder: Path) -> None:
        """Write the adapter in PEFT's format."""
        if isinstance(self.network, PeftModel):
            save_adapter(folder, self.network)

    def pinned(self) -> dict[str, str]:
        """Hashes of the base, of both people's faces and of the mesh swaps."""
        people = {
            name: digest(person.faces.rgb, person.faces.regions, person.source)
            for name, person in self._people().items()
        }
        swaps = digest(self.swaps.rgb, self.swaps.mask)
        return {"base_sha256": self.base_digest, "mesh_swaps": swaps, **people}

    def facts(self) -> tuple[int, int]:
        """Target faces trained on, and the rank."""
        return len(self.target.faces.trained), self.settings.rank

    def notes(self) -> list[str]:
        """Too few target faces, and layers that do not allow the rank."""
        return [*judging_notes(self.target.faces), *self.rank_notes]

    def _people(self) -> dict[str, Person]:
        return {"identity": self.identity, "target": self.target}
