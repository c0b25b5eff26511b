"""How long trainings take until held-out faces are drawn well enough, by number format and layout.

A faster step is worth nothing if it learns less, so whole trainings are compared. Times are of the
processor, since other work on the machine does not change them much.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch import nn

from facepipe.errors import SettingsError, StoppedError
from facepipe.identity.face_set import FaceSet
from facepipe.training import identity_model
from facepipe.training.device import DeviceSettings
from facepipe.training.report import EpochReport
from facepipe.training.settings import IdentityTrainingSettings
from facepipe_tests.benchmarks.bare import the_precision
from facepipe_tests.benchmarks.rows import Row
from facepipe_tests.training.conftest import two_embeddings

ENOUGH_SSIM = 0.9
MOST_EPOCHS = 60


class Watch:
    """Stops a training once its held-out faces are similar enough to what they should be."""

    def __init__(self) -> None:
        self.started = time.process_time()
        self.seconds = float("inf")
        self.epochs = 0

    def look(self, report: EpochReport) -> None:
        """Note when it was enough."""
        self.epochs = report.epoch
        if report.held_out["ssim"] >= ENOUGH_SSIM and self.seconds == float("inf"):
            self.seconds = time.process_time() - self.started

    def stop(self) -> bool:
        """Whether it is."""
        return self.seconds < float("inf")


@contextmanager
def channels_first() -> Iterator[None]:
    """Trainings whose weights stay as torch lays them out."""
    usual = identity_model.placed

    def as_it_is(network: nn.Module, accelerator: object) -> nn.Module:
        del accelerator
        return network

    identity_model.placed = as_it_is
    try:
        yield
    finally:
        identity_model.placed = usual


def reached(faces: FaceSet, device: DeviceSettings, folder: Path) -> Watch:
    """Train until it is enough."""
    settings = IdentityTrainingSettings(epochs=MOST_EPOCHS, preview_every=MOST_EPOCHS)
    watch = Watch()
    with suppress(StoppedError):
        identity_model.train_identity(
            faces,
            two_embeddings()[0],
            settings,
            device=device,
            scratch=folder / "s",
            out=folder / "out",
            on_epoch=watch.look,
            stop=watch.stop,
        )
    return watch


def times_to_similarity(faces: FaceSet, folder: Path) -> Iterator[Row]:
    """What a training chooses here, beside each other way."""
    chosen = the_precision()
    other = "bf16" if chosen == "fp32" else "fp32"
    usual = reached(faces, DeviceSettings("cpu", 1), folder / "usual")
    peers = {other: reached(faces, DeviceSettings("cpu", 1, other), folder / other)}
    what = f"to a held-out SSIM of {ENOUGH_SSIM}: {chosen}, channels last"
    ours = f"{usual.seconds:.0f} s of one core, {usual.epochs} epochs"
    try:
        compiled = DeviceSettings("cpu", 1, compile=True)
        peers["compiled"] = reached(faces, compiled, folder / "compiled")
    except SettingsError:
        yield Row(what, ours, "compiled: refused, its gradients are wrong", 0.0, 1.05)
    with channels_first():
        peers["channels first"] = reached(faces, DeviceSettings("cpu", 1), folder / "first")
    for name, peer in peers.items():
        told = f"{name} {peer.seconds:.0f} s, {peer.epochs} epochs"
        yield Row(what, ours, told, usual.seconds / peer.seconds, 1.05)
