"""Kill trainings with SIGKILL at random points, resume them, and compare with one never killed.

`python -m facepipe_tests.training.killing identity|lora COUNT FOLDER`; a process of its own, since
it forks and torch cannot train in the child of a process that has trained itself.
"""

import itertools
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from facepipe.files import sha256_of
from facepipe.training.identity_model import train_identity
from facepipe.training.lora import train_lora
from facepipe_tests.crashing.children import KILLED, dying, in_child, writes_of
from facepipe_tests.training.conftest import (
    ON_CPU,
    TINY,
    TINY_LORA,
    people_faces,
    same_result,
    two_embeddings,
)

WEIGHTS = {"identity": "model.safetensors", "lora": "adapter_model.safetensors"}


class Trial:
    """Trainings of one kind in a folder; each run is a child process."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.base = folder / "base" / "out"
        if kind == "lora" and in_child(lambda: self.identity("base", 2)):
            raise RuntimeError("the base could not be trained")

    def train(self, name: str, epochs: int) -> None:
        """In this process."""
        self.identity(name, epochs) if self.kind == "identity" else self.lora(name, epochs)

    def identity(self, name: str, epochs: int) -> None:
        settings = replace(TINY, epochs=epochs, preview_every=3)
        train_identity(people_faces(), two_embeddings()[0], settings, **self.work(name))

    def lora(self, name: str, epochs: int) -> None:
        one, other = two_embeddings()
        settings = replace(TINY_LORA, epochs=epochs, preview_every=3)
        target = people_faces(colour=(90, 110, 170), seed=4)
        train_lora(self.base, people_faces(), one, target, other, settings, **self.work(name))

    def work(self, name: str):
        place = self.folder / name
        return {"device": ON_CPU, "scratch": place / "scratch", "out": place / "out"}


def killed_and_resumed(trial: Trial, point: int, length: tuple[float, int]) -> dict[str, object]:
    """One kill point; every second one kills a finished training of 4 epochs on its way to 8."""
    chance = np.random.default_rng(point)
    name, is_longer, (seconds, writes) = f"point{point}", point % 2 == 1, length

    def train() -> None:
        trial.train(name, 8)

    if is_longer:
        in_child(lambda: trial.train(name, 4))
    if point % 4 < 2:
        at_write = int(chance.integers(1, writes // 2 if is_longer else writes))
        where, code = f"write {at_write}", in_child(dying(train, at_write))
    else:
        after_s = chance.uniform(0.05, seconds / 2 if is_longer else seconds)
        where, code = f"{after_s:.2f} s", in_child(train, after_s)
    left = sorted(path.name for path in (trial.folder / name / "scratch" / "state").glob("*"))
    finished = in_child(train)
    out, straight = trial.folder / name / "out", trial.folder / "straight" / "out"
    return {
        "at": where,
        "killed": code == KILLED,
        "left": left,
        "same": finished == 0 and same_result(out, straight),
        "weights": sha256_of(out / WEIGHTS[trial.kind])[:12],
    }


def main(kind: str, count: int, folder: Path) -> list[dict[str, object]]:
    """`count` trainings that were killed, of as many as that takes."""
    torch.set_num_threads(1)
    trial, note = Trial(kind, folder), folder / "writes"
    in_child(writes_of(lambda: trial.train("straight", 8), note))
    started = time.monotonic()
    in_child(lambda: trial.train("timed", 8))
    length = time.monotonic() - started, int(note.read_text())
    found: list[dict[str, object]] = []
    for point in itertools.count():
        found.append(killed_and_resumed(trial, point, length))
        if sum(bool(one["killed"]) for one in found) == count:
            return found
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])), indent=1))
