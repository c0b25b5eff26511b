"""A bare torch loop, and how it takes turns with a training."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn

from facepipe.identity.face_set import FaceSet
from facepipe.training.average import trainable
from facepipe.training.batches import Part, Person, checked_embedding, draw_faces, lessons
from facepipe.training.data import Faces, load_faces
from facepipe.training.device import DeviceSettings, chosen_precision, open_accelerator, placed
from facepipe.training.generator import GeneratorSettings
from facepipe.training.identity_model import seeded_generator
from facepipe.training.losses import Batch, loss_parts
from facepipe.training.settings import IdentityTrainingSettings, TrainingSettings
from facepipe.training.sizes import width_and_blocks
from facepipe.training.textures import average_mesh, lookups
from facepipe_tests.benchmarks.rows import Row
from facepipe_tests.training.conftest import two_embeddings

WARM_UP = 5
ON_CPU = DeviceSettings("cpu")
CPU = torch.device("cpu")


@dataclass
class Bare:
    """A loop that does nothing but learn, from batches that lie in memory.

    Args:
        network: what learns.
        batches: taken one after the other, again and again.
        settings: of the objective and of AdamW.
        precision: of the forward pass.
    """

    network: nn.Module
    batches: list[Batch]
    settings: TrainingSettings
    precision: str

    def __post_init__(self) -> None:
        self.optimizer = torch.optim.AdamW(
            list(trainable(self.network).values()),
            1e-5,
            betas=(0.5, 0.99),
            weight_decay=self.settings.weight_decay,
            fused=True,
        )
        self.network.train()
        self.steps = 0

    def step(self) -> None:
        """Forward, objective, backward, AdamW."""
        batch = self.batches[self.steps % len(self.batches)]
        self.steps += 1
        self.optimizer.zero_grad()
        half = torch.autocast("cpu", torch.bfloat16) if self.precision == "bf16" else nullcontext()
        with half:
            drawn = self.network(batch.target, batch.source)
        loss_parts(drawn, batch, self.settings)["loss"].backward()
        self.optimizer.step()


@dataclass
class Turns:
    """Times a real training's steps from within, and a bare loop's in between.

    Trainings ask after each step whether to stop; this answers no, after a bare step.
    """

    bare: Bare

    def __post_init__(self) -> None:
        self.ours: list[float] = []
        self.peer: list[float] = []
        self._since: float | None = None

    def stop(self) -> bool:
        """Never; but what lay between two calls was a step."""
        now = time.perf_counter()
        if self._since is not None:
            self.ours.append(now - self._since)
        self.bare.step()
        self._since = time.perf_counter()
        self.peer.append(self._since - now)
        return False

    def row(self, what: str) -> Row:
        """The medians after warming up."""
        ours, peer = median(self.ours[WARM_UP:]), median(self.peer[WARM_UP:])
        told = f"bare torch loop {1000 * peer:.0f} ms"
        return Row(what, f"{1000 * ours:.0f} ms", told, ours / peer, 1.05)


def take_turns(works: list[Callable[[], object]], rounds: int = 12) -> list[float]:
    """The median time of each of some works, which take turns, in seconds; two rounds warm up."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, taken, strict=True):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
    return [median(times[2:]) for times in taken]


def fresh(*, last: bool = True) -> nn.Module:
    """The network that a training takes unless told otherwise, its weights channels last or not."""
    usual = IdentityTrainingSettings()
    shape = GeneratorSettings(*width_and_blocks(usual), usual.textures, usual.pixels)
    network = seeded_generator(shape, 0)
    return placed(network, open_accelerator(ON_CPU)) if last else network


def batches_of(faces: FaceSet, settings: TrainingSettings) -> list[Batch]:
    """Ready batches of faces to be drawn as themselves."""
    squares, chance = load_faces(faces, settings.held_out_every), torch.Generator().manual_seed(0)
    person, found = person_of(squares), list[Batch]()
    for _ in range(4):
        some = draw_faces(squares, settings.batch_size, chance)
        part = Part(person, some, person.source, person.themselves)
        found.append(lessons([part], settings, chance, CPU))
    return found


def person_of(squares: Faces) -> Person:
    """Whose faces these are."""
    source = checked_embedding(two_embeddings()[0], "embedding")
    return Person(squares, source, lookups(squares, average_mesh(squares)))


def the_precision() -> str:
    """What a training on the CPU chooses here."""
    return chosen_precision(ON_CPU, "cpu")
