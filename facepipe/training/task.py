"""What the loop needs to know of a training: its network, its faces, its place."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from facepipe.arrays import RgbImage
from facepipe.files import is_aside, whole_file
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_SCALE, NETWORK_PX
from facepipe.publishing import held
from facepipe.training.data import Faces
from facepipe.training.device import DeviceSettings
from facepipe.training.evaluation import Examinable
from facepipe.training.ranks import Ranks
from facepipe.training.report import OnEpoch
from facepipe.training.state import lasting_state, saved_states


class Lesson(Protocol):
    """A batch: a dataclass of tensors with a row for each face."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def target(self) -> Tensor:
        """`(N, 3, S, S)` the faces."""
        ...

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the network is called with."""
        ...


class Task(Protocol):
    """What is trained, and on what; how held-out faces are examined now and then."""

    network: nn.Module

    @property
    def examination(self) -> Examinable:
        """What looks at held-out faces now and then."""
        ...

    def batch(self, generator: torch.Generator) -> Any:
        """What the next step learns from, a `Lesson`; all chance is taken from `generator`."""
        ...

    def losses(self, made: Any, batch: Any) -> dict[str, Tensor]:
        """What the network made of a batch of this task: `loss`, to become less, and its terms."""
        ...

    def judge(self) -> dict[str, float]:
        """Numbers on the held-out faces; the lowest `loss` is the best."""
        ...

    def preview(self) -> RgbImage:
        """A picture of how far it is."""
        ...

    def save(self, folder: Path) -> None:
        """Write the network's present weights as an artifact."""
        ...

    def pinned(self) -> dict[str, str]:
        """What a state of this task cannot be used without: hashes of data and base."""
        ...

    def facts(self) -> tuple[int, int]:
        """Faces trained on, and the rank of the adapter (0: none)."""
        ...

    def notes(self) -> list[str]:
        """What is out of the ordinary with its faces or its settings."""
        ...


@dataclass(frozen=True, eq=False)
class Workplace:
    """Where a training works and whom it tells.

    Attributes:
        accelerator: the device.
        scratch: folder of the states, kept between runs.
        on_epoch: told after each epoch.
        stop: asked after each step.
        device: how the device is used.
        ranks: the processes that train together.
    """

    accelerator: Accelerator
    scratch: Path
    on_epoch: OnEpoch
    stop: Callable[[], bool]
    device: DeviceSettings
    ranks: Ranks

    def held(self) -> AbstractContextManager[None]:
        """Keep other trainings out of the scratch folder; one process does so for all.

        Raises:
            BusyError: Another training works there.
        """
        if not self.ranks.is_first:
            return nullcontext()
        lock = self.scratch.with_name(f".{self.scratch.name}.lock")
        return held(lock, f"the training in {self.scratch}")

    def gpus(self) -> list[int]:
        """Those whose random numbers are this process's to set."""
        if self.ranks.count == 1:
            return list(range(torch.cuda.device_count()))
        return [torch.cuda.current_device()] if torch.cuda.is_available() else []


def judging_notes(faces: Faces) -> list[str]:
    """A line where there are too few faces to keep some for judging."""
    if faces.held_out.any():
        return []
    return [
        f"too few faces to hold any out ({len(faces.held_out)}): the held-out numbers are of "
        f"faces trained on"
    ]


def fineness_notes(faces: FaceSet, pixels: int) -> list[str]:
    """A line where most faces show too little in their film for the network's squares to gain."""
    enlarged = np.sqrt(np.linalg.det(faces.transforms[:, :, :2]))
    usual_px = FACE_SCALE * NETWORK_PX / float(np.median(enlarged))
    if pixels == NETWORK_PX or usual_px > NETWORK_PX:
        return []
    return [
        f"the network's square is {usual_px:.0f} px wide in the median film frame: {pixels} px "
        f"gain nothing over {NETWORK_PX}, and cost more"
    ]


def publish(scratch: Path, out: Path) -> None:
    """Copy a finished training from `scratch` to `out`, with the state a longer one goes on from.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    for folder in (
        "state",
        "previews",
        "tensorboard",
    ):  # of a shorter training, where `out` is used again
        shutil.rmtree(out / folder, ignore_errors=True)
    states = scratch / "state"
    left_out = {*states.iterdir()} - {lasting_state(states) or saved_states(states)[-1]}
    for path in sorted(scratch.rglob("*")):
        # a write that was killed left a part beside its file
        if path.is_file() and not is_aside(path) and path.parent not in left_out:
            with whole_file(out / path.relative_to(scratch)) as aside:
                shutil.copyfile(path, aside)
