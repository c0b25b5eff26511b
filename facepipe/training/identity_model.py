"""Train the identity model: a generator that draws one person from any face's pose."""

from collections.abc import Callable
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

import torch
from torch import nn

from facepipe.arrays import FloatArray, RgbImage
from facepipe.identity.face_set import FaceSet
from facepipe.training.batches import (
    checked_embedding,
    digest,
    draw_faces,
    joined,
    reconstruction,
    some_of,
)
from facepipe.training.checkpoint import save_generator
from facepipe.training.data import load_faces
from facepipe.training.device import DeviceSettings, open_accelerator, placed
from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.grids import grid
from facepipe.training.judging import JUDGED, SHOWN, draw_all, held_out_numbers
from facepipe.training.loop import train
from facepipe.training.losses import Batch
from facepipe.training.report import EpochReport, OnEpoch, TrainingSummary
from facepipe.training.settings import IdentityTrainingSettings
from facepipe.training.task import Workplace, judging_notes, publish


class Work(TypedDict):
    """Where a training runs and whom it tells, as keyword arguments.

    Attributes:
        device: where to train.
        scratch: folder that keeps the state between runs.
        out: folder that receives the finished training.
        on_epoch: told after each epoch.
        stop: asked after each step; true saves and raises `StoppedError`.
    """

    device: DeviceSettings
    scratch: Path
    out: Path
    on_epoch: NotRequired[OnEpoch]
    stop: NotRequired[Callable[[], bool]]


def train_identity(
    faces: FaceSet,
    embedding: FloatArray,
    settings: IdentityTrainingSettings,
    **work: Unpack[Work],
) -> TrainingSummary:
    """Teach a generator one person's face; `out` receives it with its state and history.

    It learns to draw the person from bent pictures of themselves under their embedding `(512,)`,
    in the light of the picture. Run again with the same `scratch` it goes on where it ended;
    with more `epochs` it trains longer.

    Raises:
        StoppedError: `stop` said so; the state is saved.
        DivergedError: The loss stopped being a number again and again.
        SettingsError: `scratch` holds a state of other settings or other faces.
        BadInputError: The embedding is not of unit norm.
    """
    workplace = open_workplace(work)
    task = _IdentityTask(faces, embedding, settings, workplace.accelerator.device)
    task.network = placed(task.network, workplace.accelerator)
    summary = train(task, settings, workplace)
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
        self.shape = GeneratorSettings(settings.width, settings.blocks)
        self.faces = load_faces(faces, settings.held_out_every)
        self.source = checked_embedding(embedding, "embedding")
        self.network: nn.Module = seeded_generator(self.shape, settings.seed)
        self.held_out = self._held_out()

    def batch(self, generator: torch.Generator) -> Batch:
        index = draw_faces(self.faces, self.settings.batch_size, generator)
        batch = reconstruction(self.faces, index, self.source, self.settings, generator)
        return joined([batch], self.device)

    def judge(self) -> dict[str, float]:
        drawn = draw_all(self.network, self.held_out)
        return held_out_numbers(drawn, self.held_out, self.settings)

    def preview(self) -> RgbImage:
        """Columns: what went in, what came out, what was wanted."""
        few = some_of(torch.arange(len(self.held_out.target)), SHOWN)
        target, wanted = self.held_out.target[few], self.held_out.wanted[few]
        source = self.held_out.source[few]
        return grid([target, self.network(target, source), wanted])

    def save(self, folder: Path) -> None:
        if isinstance(self.network, Generator):
            save_generator(folder, self.network, self.shape)

    def pinned(self) -> dict[str, str]:
        return {"faces": digest(self.faces.rgb, self.faces.regions, self.source)}

    def facts(self) -> tuple[int, int]:
        return len(self.faces.trained), 0

    def notes(self) -> list[str]:
        return judging_notes(self.faces)

    def _held_out(self) -> Batch:
        # the same bending every time: unbent, the identity function would do best
        chance = torch.Generator().manual_seed(self.settings.seed)
        index = some_of(self.faces.judged, JUDGED)
        batch = reconstruction(self.faces, index, self.source, self.settings, chance)
        return joined([batch], self.device)


def seeded_generator(shape: GeneratorSettings, seed: int) -> Generator:
    """A generator with random weights that depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(shape)
