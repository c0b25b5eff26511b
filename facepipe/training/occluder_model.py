"""Train the network that sees what is before a face."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NotRequired, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from facepipe.arrays import BoolArray, IntArray, RgbImage, RgbImages
from facepipe.errors import NoFaceError
from facepipe.training.batches import digest, some_of
from facepipe.training.data import held_out_faces
from facepipe.training.device import DeviceSettings
from facepipe.training.grids import grid
from facepipe.training.identity_model import open_workplace
from facepipe.training.loop import train
from facepipe.training.occluder_data import (
    FaceLesson,
    Hosts,
    joined_hosts,
    lesson,
    plain_lesson,
)
from facepipe.training.occluder_export import load_occluder, save_occluder
from facepipe.training.occluder_losses import Weights, ious, visible_losses
from facepipe.training.occluder_network import OccluderNetwork, OccluderShape, seeded_occluder
from facepipe.training.occluder_people import drawn_hosts
from facepipe.training.occluder_settings import LESSONS, OccluderTrainingSettings
from facepipe.training.report import OnEpoch, TrainingSummary
from facepipe.training.task import publish

_MOMENTS = 5
_FIRST_PERSON = 5000
"""Seeds of the drawn people start here, far from those of clips that anybody makes."""
_JUDGED = 64
_SHOWN = 6
_SWATCHES = 200


class OccluderWork(TypedDict):
    """Where a training runs and whom it tells, as `identity_model.Work` without senses."""

    device: DeviceSettings
    scratch: Path
    out: Path
    on_epoch: NotRequired[OnEpoch]
    stop: NotRequired[Callable[[], bool]]


def train_occluder(
    people: Sequence[Hosts],
    settings: OccluderTrainingSettings,
    start: Path | None = None,
    **work: Unpack[OccluderWork],
) -> TrainingSummary:
    """Teach a network where a face shows; `out` receives it with its state and history.

    It sees faces of these people, and of drawn ones, with drawn things laid before most of them.
    Run again with the same `scratch` it goes on where it ended; with more `epochs` it trains
    longer.

    Args:
        people: faces with what is known of them, by person.
        settings: how to train.
        start: an occluder's folder to start from; without one it starts at random.
        work: where.

    Raises:
        StoppedError: `stop` said so; the state is saved.
        DivergedError: The loss stopped being a number again and again.
        SettingsError: `scratch` holds a state of other settings or other faces.
        NoFaceError: There are neither people nor drawn ones.
        ModelFileError: `start` holds no occluder.
    """
    workplace = open_workplace({name: work[name] for name in work})  # pyright: ignore
    task = OccluderTask(people, settings, start, workplace.accelerator.device)
    summary = train(task, settings, workplace)
    if workplace.ranks.is_first:
        publish(work["scratch"], work["out"])
    return summary


@dataclass(frozen=True)
class _NoExamination:
    """Held-out faces are judged after each epoch, and there is no more to know."""

    def of(self, network: nn.Module) -> dict[str, float]:
        """No further numbers."""
        del network
        return {}

    def of_wanted(self) -> dict[str, float]:
        """No further numbers."""
        return {}


class OccluderTask:
    """What the network is trained on.

    Args:
        people: real faces, by person.
        settings: how to train.
        start: the network to start from.
        device: where.
    """

    examination = _NoExamination()

    def __init__(
        self,
        people: Sequence[Hosts],
        settings: OccluderTrainingSettings,
        start: Path | None,
        device: torch.device,
    ) -> None:
        self.settings, self.device = settings, device
        self.weights = Weights(settings.boundary, settings.before)
        network = _start(settings, start)
        pixels = network.shape.pixels
        # channels last, torch 2.13.0 dies of 8 channels in fp32 on CPUs
        self.network: nn.Module = network.to(device)
        drawn = range(_FIRST_PERSON, _FIRST_PERSON + settings.drawn_people)
        parts = [*people, *([drawn_hosts(drawn, _MOMENTS, pixels)] if drawn else [])]
        parts = [part.reduced(pixels) for part in parts]
        if not any(len(part) for part in parts):
            raise NoFaceError("there is no face to learn from; give people, or drawn_people")
        apart = [_apart(part, settings.held_out_every) for part in parts]
        self.trained = joined_hosts([kept for kept, _ in apart])
        self.judged = joined_hosts([out if len(out) else kept for kept, out in apart])
        self.share = _shares(self.trained)
        self.swatches = _swatches(self.trained)
        self.start = digest(*network.state_dict().values()) if start else ""
        self.held_out, self.bare = self._look()

    def batch(self, generator: torch.Generator) -> FaceLesson:
        """Things before faces, every person's as often."""
        chosen = torch.multinomial(
            self.share, self.settings.batch_size, replacement=True, generator=generator
        )
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
        made = lesson(self.trained, chosen.tolist(), self.swatches, rng)
        return self._placed(made)

    def losses(self, made: Tensor, batch: FaceLesson) -> dict[str, Tensor]:
        """How far the visible face is from the known one."""
        return visible_losses(made, batch, self.weights)

    def judge(self) -> dict[str, float]:
        """Numbers on held-out faces with the same things before them each time, and on bare ones.

        `iou` of the visible face, `hull_iou` of what the outline alone would make of it, and
        `hidden_bare`, the share of bare faces that is taken for hidden.
        """
        logits = self._all(self.held_out.target)
        found = visible_losses(logits, self.held_out, self.weights)
        hull = self.held_out.outline - 0.5
        bare = self._all(self.bare.target)
        face = (self.bare.visible > 0.5) & (self.bare.sure > 0.5)
        hidden = (face & (bare <= 0)).sum() / face.sum().clamp(min=1)
        return {
            **{name: float(value) for name, value in found.items()},
            "hull_iou": float(ious(hull, self.held_out).mean()),
            "hidden_bare": float(hidden),
        }

    def preview(self) -> RgbImage:
        """Columns: the picture, the known and the found visible face."""
        few = some_of(torch.arange(len(self.held_out.target)), _SHOWN)
        target = self.held_out.target[few]
        found = self._all(target).sigmoid()
        known = self.held_out.visible[few]
        return grid([target, *(target * (0.15 + 0.85 * mask) for mask in (known, found))])

    def save(self, folder: Path) -> None:
        """Write weights and shape."""
        if isinstance(self.network, OccluderNetwork):
            save_occluder(folder, self.network)

    def pinned(self) -> dict[str, str]:
        """Hashes of the faces and of what it started from, and the version of what is drawn."""
        planes = (self.trained.rgb, self.trained.face, self.trained.sure)
        faces = digest(*(torch.from_numpy(np.ascontiguousarray(plane)) for plane in planes))
        return {"faces": faces, "start": self.start, "lessons": LESSONS}

    def facts(self) -> tuple[int, int]:
        """Faces trained on, and no rank."""
        return len(self.trained), 0

    def notes(self) -> list[str]:
        """Nothing is out of the ordinary."""
        return []

    def _look(self) -> tuple[FaceLesson, FaceLesson]:
        """Held-out faces with things before them, and bare."""
        rng = np.random.default_rng(self.settings.seed)
        rows = some_of(torch.arange(len(self.judged)), _JUDGED).tolist()
        chosen = self.judged.some(rows)
        hidden = lesson(chosen, range(len(chosen)), self.swatches, rng)
        return self._placed(hidden), self._placed(plain_lesson(chosen))

    def _all(self, target: Tensor) -> Tensor:
        """Logits of any number of faces, without gradients."""
        with torch.no_grad():
            parts = target.split(self.settings.batch_size)
            return torch.cat([self.network(part) for part in parts]).float()

    def _placed(self, made: FaceLesson) -> FaceLesson:
        return FaceLesson(*(getattr(made, each.name).to(self.device) for each in fields(made)))


def _start(settings: OccluderTrainingSettings, start: Path | None) -> OccluderNetwork:
    """The network to train."""
    if start is not None:
        return load_occluder(start).train()
    return seeded_occluder(OccluderShape(settings.pixels, settings.width), settings.seed)


def _apart(hosts: Hosts, held_out_every: int) -> tuple[Hosts, Hosts]:
    """Those to train on, and those never trained on: blocks of neighbours, or whole people."""
    held_out = held_out_faces(len(hosts), held_out_every)
    groups = np.unique(hosts.group)
    if len(groups) > 1:
        held_out = np.isin(hosts.group, groups[held_out_every - 1 :: held_out_every])
    return hosts.some(_places(~held_out)), hosts.some(_places(held_out))


def _places(chosen: BoolArray) -> IntArray:
    return np.flatnonzero(chosen).astype(np.int32)


def _shares(hosts: Hosts) -> Tensor:
    """How often each face is drawn: a person with four times the faces, twice as often."""
    _, place, counts = np.unique(hosts.group, return_inverse=True, return_counts=True)
    return torch.from_numpy(1 / np.sqrt(counts[place]))


def _swatches(hosts: Hosts) -> RgbImages:
    """Some of the pictures, whose parts become textures of things."""
    rows = np.linspace(0, len(hosts) - 1, min(len(hosts), _SWATCHES)).astype(int)
    return hosts.rgb[rows]
