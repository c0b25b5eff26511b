"""Train the identity model: a generator that draws one person from any face's pose."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from facepipe.arrays import FloatArray, RgbImage
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.augment import looked_up, unchanged
from facepipe.training.batches import (
    Part,
    Person,
    checked_embedding,
    digest,
    draw_faces,
    lessons,
    some_of,
)
from facepipe.training.checkpoint import AnyGenerator, AnyShape, save_generator
from facepipe.training.data import Faces, load_faces, network_square
from facepipe.training.device import DeviceSettings, open_accelerator, placed
from facepipe.training.evaluation import Examination, Senses
from facepipe.training.generator import Drawing, Generator, GeneratorSettings
from facepipe.training.grids import grid
from facepipe.training.inswapper_start import starting_inswapper, weights_pin
from facepipe.training.judging import SHOWN, draw_all, held_out_numbers
from facepipe.training.likeness import required_file
from facepipe.training.loop import train
from facepipe.training.losses import Batch, loss_parts
from facepipe.training.ranks import present_ranks
from facepipe.training.report import EpochReport, OnEpoch, TrainingSummary
from facepipe.training.settings import IdentityTrainingSettings
from facepipe.training.sizes import width_and_blocks
from facepipe.training.task import Workplace, fineness_notes, judging_notes, publish
from facepipe.training.textures import average_mesh, lookups, texture_pictures, typical_faces


class Work(TypedDict):
    """Where a training runs and whom it tells, as keyword arguments.

    Attributes:
        device: where to train.
        scratch: folder that keeps the state between runs.
        out: folder that receives the finished training.
        senses: who looks at what is drawn.
        on_epoch: told after each epoch.
        stop: asked after each step; true saves and raises `StoppedError`.
    """

    device: DeviceSettings
    scratch: Path
    out: Path
    senses: NotRequired[Senses]
    on_epoch: NotRequired[OnEpoch]
    stop: NotRequired[Callable[[], bool]]


def train_identity(
    faces: FaceSet,
    embedding: FloatArray,
    settings: IdentityTrainingSettings,
    **work: Unpack[Work],
) -> TrainingSummary:
    """Teach a generator one person's face; `out` receives it with its state and history.

    It learns to draw the person over bent pictures of themselves under their embedding `(512,)`,
    in the light of the picture; the compact one from textures that are chosen among the faces.
    Run again with the same `scratch` it goes on where it ended; with more `epochs` it trains
    longer.

    Raises:
        StoppedError: `stop` said so; the state is saved.
        DivergedError: The loss stopped being a number again and again.
        SettingsError: `scratch` holds a state of other settings or other faces, or a term of the
            objective needs a file that is not there.
        BadInputError: The embedding is not of unit norm.
        ModelFileError: `settings.weights` is no file in the inswapper layout.
        VerificationError: Its network draws something else than onnxruntime does.
    """
    senses = work.get("senses", Senses())
    required_file(settings, senses)
    workplace = open_workplace(work)
    task = _IdentityTask(faces, embedding, settings, workplace.accelerator.device)
    task.examination = replace(task.examination, senses=senses)
    task.network = placed(task.network, workplace.accelerator)
    summary = train(task, settings, workplace)
    if workplace.ranks.is_first:
        publish(work["scratch"], work["out"])
    return summary


def open_workplace(work: Work) -> Workplace:
    """The device and the callbacks, with silent ones where none are given.

    Raises:
        SettingsError: The device asked for is not there.
    """

    def tell_nobody(_report: EpochReport) -> None:
        return

    return Workplace(
        accelerator=open_accelerator(work["device"]),
        scratch=work["scratch"],
        on_epoch=work.get("on_epoch", tell_nobody),
        stop=work.get("stop", lambda: False),
        device=work["device"],
        ranks=present_ranks(),
    )


class _IdentityTask:
    def __init__(
        self,
        faces: FaceSet,
        embedding: FloatArray,
        settings: IdentityTrainingSettings,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        squares = load_faces(faces, settings.held_out_every, settings.pixels)
        self.fineness = fineness_notes(faces, settings.pixels)
        source = checked_embedding(embedding, "embedding")
        network, self.shape = _start(settings)
        if isinstance(network, Generator):
            self.person = furnished(network, faces, squares, source)
        else:
            mesh = average_mesh(squares)
            self.person = Person(squares, source, lookups(squares, mesh))
        self.network: nn.Module = network
        themselves = {"identity": self.person.source[0].numpy()}
        self.examination = Examination(
            self.person, self.person.themselves, themselves, settings, device
        )
        self.held_out = self.examination.batch

    def batch(self, generator: torch.Generator) -> Batch:
        index = draw_faces(self.person.faces, self.settings.batch_size, generator)
        person = self.person
        part = Part(person, index, person.source, person.themselves)
        return lessons([part], self.settings, generator, self.device)

    def losses(self, made: Drawing, batch: Batch) -> dict[str, Tensor]:
        return loss_parts(made, batch, self.settings)

    def judge(self) -> dict[str, float]:
        drawing = draw_all(self.network, self.held_out)
        return held_out_numbers(drawing, self.held_out, self.settings)

    def preview(self) -> RgbImage:
        """Columns: what went in, the drawn face, what came out."""
        few = some_of(torch.arange(len(self.held_out.target)), SHOWN)
        target = self.held_out.target[few]
        drawing = self.network(target, self.held_out.source[few])
        return grid([target, drawing.face, drawing.rgb])

    def save(self, folder: Path) -> None:
        if isinstance(self.network, AnyGenerator):
            save_generator(folder, self.network, self.shape)

    def pinned(self) -> dict[str, str]:
        faces = self.person.faces
        learnt_from = digest(faces.rgb, faces.regions, self.person.source)
        return {"faces": learnt_from, **weights_pin(self.settings)}

    def facts(self) -> tuple[int, int]:
        return len(self.person.faces.trained), 0

    def notes(self) -> list[str]:
        return [*judging_notes(self.person.faces), *self.fineness]


def _start(settings: IdentityTrainingSettings) -> tuple[AnyGenerator, AnyShape]:
    """The network to train, and its shape."""
    if settings.architecture == "inswapper":
        return starting_inswapper(settings)
    shape = GeneratorSettings(*width_and_blocks(settings), settings.textures, settings.pixels)
    return seeded_generator(shape, settings.seed), shape


def furnished(network: Generator, faces: FaceSet, squares: Faces, source: Tensor) -> Person:
    """Give the network the person's textures and average face; the person, with its lookups."""
    mesh = average_mesh(squares)
    person = Person(squares, source, lookups(squares, mesh))
    chosen = typical_faces(faces, squares.held_out, network.count)
    step = squares.pixels // NETWORK_PX  # all faces at once, as large as they are drawn, are many
    shown = looked_up(
        person.lookup[squares.trained], unchanged(len(squares.trained), squares.pixels, step)
    )
    known = shown[:, 2:] > 0.999
    usual = (shown[:, :2] * known).sum(0) / known.sum(0).clamp(min=1)
    network.furnish(
        texture_pictures(faces, chosen, mesh),
        torch.from_numpy(mesh),
        torch.where(known.any(0), usual, network.coarsely_here),
        avg_pool2d(network_square(squares.regions[squares.trained, :1]).mean(0), step),
    )
    return person


def seeded_generator(shape: GeneratorSettings, seed: int) -> Generator:
    """A generator with random weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(shape)
