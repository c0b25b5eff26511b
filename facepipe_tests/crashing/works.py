"""Four kinds of work on one small pair, each to be broken off: the real command on real files."""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from facepipe.cli import main, make, running
from facepipe.provenance.consent import new_consent, write_consent
from facepipe.synthetic.clips import write_clip
from facepipe.synthetic.scene import Clip
from facepipe_tests.crashing.children import in_child
from facepipe_tests.crashing.faults import Fault, counted
from facepipe_tests.end_to_end.conftest import TINY

WORKS = {
    "extraction": (
        "identity/consent", "identity/frames", "identity/landmarks",
        "identity/smoothed_landmarks", "identity/faces", "identity/profile", "target/consent",
        "target/frames", "target/landmarks", "target/smoothed_landmarks", "target/faces",
        "target/people",
    ),
    "training": ("identity/checkpoint", "pair/lora_checkpoint"),
    "export": ("identity/onnx", "pair/lora_onnx"),
    "swap": ("pair/swapped_video", "pair/swap_report"),
}  # fmt: skip
"""Which assets each kind of work makes, in the order they need each other."""
ASSETS = tuple(key for keys in WORKS.values() for key in keys)
_OLD_EXTRACTION = (
    "identity/frames.max_frames=10", "target/frames.max_frames=10",
    "identity/smoothed_landmarks.window_s=0.4", "target/smoothed_landmarks.window_s=0.4",
)  # fmt: skip
_ALL = (
    *TINY, "identity/frames.max_frames=12", "target/frames.max_frames=12",
    "identity/smoothed_landmarks.window_s=0.2", "target/smoothed_landmarks.window_s=0.2",
    "pair/swapped_video.chunk_frames=4", "pair/swapped_video.batch=2",
    "pair/swapped_video.preset=ultrafast",
)  # fmt: skip
OLD = (*_ALL, "pair/swapped_video.crf=30")
NEW = (
    *_ALL, "identity/checkpoint.epochs=4", "pair/lora_checkpoint.epochs=4",
    "pair/swapped_video.crf=20",
)  # fmt: skip
DATA = "data"
"""The one name of all data roots that are worked on: what Dagster loads is bound to its path."""
LIMIT_S = 600.0
Keys = tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """How a command ended: its exit code, and what it wrote to stderr."""

    code: int
    said: str


def place(root: Path, key: str) -> Path:
    """Where an asset of the pair is published."""
    names = {"identity": ["ada"], "target": ["ben"], "pair": ["ada", "ben"]}[key.split("/")[0]]
    return root.joinpath("assets", *key.split("/"), *names)


def command(settings: Keys, keys: Keys) -> None:
    """`facepipe run ada ben`, of which only the assets `keys` are made; ends the process."""
    whole: Callable[..., Any] = running.run_job

    def run_job(instance, job, partition_key, pair, without=()):
        names = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
        left_out = {*without, *(names - {*keys})}
        if names - left_out:
            whole(instance, job, partition_key, pair, tuple(sorted(left_out)))

    running.run_job = run_job
    make.show_result = lambda identity, target: None  # there need not be a report
    main(_run(settings))


def as_command(settings: Keys) -> None:
    """`facepipe run ada ben` in this process's place, as a person begins it."""
    line = [sys.executable, "-m", "facepipe.cli", *_run(settings)]
    os.execv(sys.executable, line)  # noqa: S606  no shell is wanted


def _run(settings: Keys) -> list[str]:
    return ["run", "ada", "ben", *(part for setting in settings for part in ("--set", setting))]


def told(
    root: Path,
    work: Callable[[], object],
    fault: Fault | None = None,
    note: Path | None = None,
    limit_s: float | None = LIMIT_S,
) -> Told:
    """Do `work` on a data root in a child process, with a fault in it.

    Args:
        root: the data root.
        work: what to do; it may end the process.
        fault: what goes wrong.
        note: gets how many calls of each kind there were below the root.
        limit_s: after how long it is taken to hang, and killed.
    """
    said, begun = root.with_suffix(".said"), root.with_suffix(".begun")
    begun.unlink(missing_ok=True)

    def child() -> object:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        for name in [name for name in os.environ if name.startswith(("FACEPIPE_", "DAGSTER_"))]:
            del os.environ[name]
        os.environ.update(FACEPIPE_DATA=str(root), DAGSTER_HOME=str(root / ".dagster"))
        os.chdir(root)
        noting_saves(root.with_suffix(".saves"))
        (fault or Fault()).arm(root)
        begun.touch()
        try:
            work()
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            if note:
                note.write_text(json.dumps(counted()))

    after_s, number = (fault.after_s, fault.signal) if fault else (None, 0)
    code = in_child(child, after_s, number, limit_s, begun)
    return Told(code, said.read_text(errors="replace") if said.is_file() else "")


def noting_saves(note: Path) -> None:
    """Let this process note in a file which steps its trainings save, and begin from."""
    from facepipe.training.saves import Saves

    def noted(name: str) -> None:
        whole = getattr(Saves, name)

        def method(self, *given):
            result = whole(self, *given)
            with note.open("a") as file:
                line = {"step": max(self.at_step, 0), "of": str(self.folder.parent)}
                file.write(json.dumps(line) + "\n")
            return result

        setattr(Saves, name, method)

    noted("begin"), noted("save")


class Stock:
    """The pair as it was before and as it is in the end, undisturbed, and any state between.

    Args:
        folder: where both are made, or were made.
        models: the folder that holds the landmark model.
    """

    def __init__(self, folder: Path, models: Path) -> None:
        self.root, self.old = folder / "whole", folder / "old"
        if self.root.exists():
            return
        data = folder / DATA
        for left in (data, self.old):
            shutil.rmtree(left, ignore_errors=True)
        data.mkdir()
        shutil.copytree(models, data / "models")
        for side, name, seed in (("identities", "ada", 6), ("targets", "ben", 43)):
            _add(data / side / name, seed)
        others = tuple(key for key in ASSETS if key not in WORKS["extraction"])
        self._make(data, _OLD_EXTRACTION, made=WORKS["extraction"], kept=WORKS["extraction"])
        self._make(data, OLD, made=ASSETS, kept=others)
        self._make(data, NEW, made=ASSETS, kept=())
        data.rename(self.root)

    def _make(self, root: Path, settings: Keys, made: Keys, kept: Keys) -> None:
        ended = told(root, lambda: command(settings, made), limit_s=None)
        if ended.code:
            raise RuntimeError(ended.said)
        for key in kept:
            shutil.copytree(place(root, key), place(self.old, key))

    def before(self, keys: Keys, root: Path, *, renewed: bool) -> Path:
        """A data root in which all but the assets `keys` is made, and of these the old or none."""
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        for key in keys:
            shutil.rmtree(place(root, key))
            if renewed:
                shutil.copytree(place(self.old, key), place(root, key))
        return root


def _add(folder: Path, seed: int) -> None:
    """A synthetic person's clip, with a record over it that no jump of the clock leaves."""
    folder.mkdir(parents=True)
    write_clip(Clip(seeds=(seed,), size=256, frames=12, fps=25.0), folder / "clip.mp4")
    record = new_consent(
        subject=f"{folder.name} (synthetic)",
        granted_by="nobody: nobody real is shown",
        scope=["train", "swap"],
        expires_at=datetime(2099, 1, 1, tzinfo=UTC),
        media=[folder / "clip.mp4"],
        contact="none",
        granted_at=datetime(2000, 1, 1, tzinfo=UTC),
    )
    write_consent(record, folder / "consent.json")


def loaded(root: Path) -> None:
    """Load what work on a data root needs, so that no child has to; none of it begins to work."""
    import accelerate  # noqa: F401
    import cv2  # noqa: F401
    import mediapipe  # noqa: F401
    import onnxruntime  # noqa: F401
    import peft  # noqa: F401
    import torch.utils.tensorboard  # noqa: F401

    from facepipe import definitions

    os.environ["FACEPIPE_DATA"] = str(root)
    found = definitions.defs()
    definitions.defs = lambda: found  # read once, not by each child
