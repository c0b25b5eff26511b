"""What a training costs beside a bare torch loop, and with other options than it chooses.

Steps of both kinds take turns in one process, so that a busy machine slows both alike, and medians
are compared.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch

from facepipe.identity.face_set import FaceSet
from facepipe.training.adapter import adapter_config, add_adapter
from facepipe.training.batches import Part, draw_faces, lessons
from facepipe.training.checkpoint import load_generator
from facepipe.training.data import load_faces, network_square
from facepipe.training.device import open_accelerator, placed
from facepipe.training.identity_model import furnished, train_identity
from facepipe.training.lora import train_lora
from facepipe.training.settings import IdentityTrainingSettings, LoraTrainingSettings
from facepipe_tests.benchmarks.bare import (
    CPU,
    ON_CPU,
    Bare,
    Turns,
    batches_of,
    fresh,
    person_of,
    take_turns,
    the_precision,
)
from facepipe_tests.benchmarks.reaching import times_to_similarity
from facepipe_tests.benchmarks.rows import Row
from facepipe_tests.training.conftest import people_faces, two_embeddings

FACES, STEPS = 120, 40
_ONE_EPOCH = {"epochs": 1, "steps_per_epoch": STEPS, "preview_every": 1}


def training_rows(folder: Path) -> Iterator[Row]:
    """A training's step, epoch and options, each beside its peer."""
    faces, others = people_faces(FACES), people_faces(FACES, (90, 110, 170), 4)
    yield identity_step(faces, folder / "identity")
    yield adapter_step(faces, others, folder)
    yield epoch_feeding(faces, folder / "faces")
    yield from options(faces)
    yield from times_to_similarity(faces, folder / "options")


def identity_step(faces: FaceSet, folder: Path) -> Row:
    """A step of the identity's training, beside a bare loop over the same network."""
    settings = IdentityTrainingSettings(**_ONE_EPOCH)
    network = fresh()
    squares = load_faces(faces, settings.held_out_every)
    furnished(network, faces, squares, person_of(squares).source)
    turns = Turns(Bare(network, batches_of(faces, settings), settings, the_precision()))
    work: dict[str, Any] = {"device": ON_CPU, "scratch": folder / "s", "out": folder / "out"}
    train_identity(faces, two_embeddings()[0], settings, stop=turns.stop, **work)
    return turns.row("training step, identity")


def adapter_step(faces: FaceSet, others: FaceSet, folder: Path) -> Row:
    """A step of an adapter's training, beside a bare loop over the same network."""
    base, settings = folder / "identity" / "out", LoraTrainingSettings(**_ONE_EPOCH)
    generator = load_generator(base)
    config = adapter_config(generator, settings.rank, settings.rank, settings.dropout)
    network = placed(add_adapter(generator, "0", config), open_accelerator(ON_CPU))
    turns = Turns(Bare(network, batches_of(others, settings), settings, the_precision()))
    work: dict[str, Any] = {
        "device": ON_CPU,
        "scratch": folder / "adapter" / "s",
        "out": folder / "adapter" / "out",
    }
    one, other = two_embeddings()
    train_lora(base, faces, one, others, other, settings, stop=turns.stop, **work)
    return turns.row("training step, adapter")


def epoch_feeding(faces: FaceSet, folder: Path) -> Row:
    """An epoch's faces as the network takes them, beside reading the PNG files each time.

    WatserFace reads, shrinks and converts its pictures at every epoch and does not change them at
    random; that part of ours is told apart, as is the whole epoch with the same network. These
    drawn faces are small files, which favours the peer.
    """
    faces.save(folder, pd.DataFrame())
    files = sorted((folder / "crops").glob("*.png"))
    settings = IdentityTrainingSettings()
    squares, chance = load_faces(faces, settings.held_out_every), torch.Generator().manual_seed(0)
    person = person_of(squares)
    index = [draw_faces(squares, settings.batch_size, chance) for _ in range(20)]
    bare = Bare(fresh(), batches_of(faces, settings), settings, the_precision())

    def lesson(some: torch.Tensor) -> object:
        part = Part(person, some, person.source, person.themselves)
        return lessons([part], settings, chance, CPU)

    fed, changed, read, step = (
        1000 * seconds
        for seconds in take_turns(
            [
                lambda: [network_square(squares.rgb[some]) for some in index],
                lambda: [lesson(some) for some in index],
                lambda: [from_files(files, some) for some in index],
                bare.step,
            ]
        )
    )
    whole = (len(index) * step + changed) / 1000, (len(index) * step + read) / 1000
    return Row(
        "feeding an epoch of 120 faces",
        f"{fed:.0f} ms ({changed:.0f} ms changed at random; whole epoch {whole[0]:.1f} s)",
        f"from PNG files {read:.0f} ms (whole epoch {whole[1]:.1f} s)",
        fed / read,
        0.2,
    )


def from_files(files: list[Path], index: torch.Tensor) -> torch.Tensor:
    """Stored faces `(N, 3, 128, 128)` read, shrunk and converted one by one."""
    pictures: list[torch.Tensor] = []
    for place in index.tolist():
        picture = cv2.imread(str(files[place]))
        small = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), (128, 128))
        pictures.append(torch.from_numpy(small.transpose(2, 0, 1).astype(np.float32) / 255))
    return torch.stack(pictures)


def options(faces: FaceSet) -> Iterator[Row]:
    """A bare step as a training would choose it, beside every other way to take it."""
    settings, chosen = IdentityTrainingSettings(), the_precision()
    batches = batches_of(faces, settings)
    other = "bf16" if chosen == "fp32" else "fp32"
    plain = [
        replace(batch, target=batch.target.contiguous(memory_format=torch.contiguous_format))
        for batch in batches
    ]
    loops = {
        f"{chosen}, channels last": Bare(fresh(), batches, settings, chosen),
        f"{chosen}, channels first": Bare(fresh(last=False), plain, settings, chosen),
        f"{other}, channels last": Bare(fresh(), batches, settings, other),
        f"{other}, channels first": Bare(fresh(last=False), plain, settings, other),
    }
    ours, *peers = take_turns([loop.step for loop in loops.values()])
    (what, *names) = loops
    for name, peer in zip(names, peers, strict=True):
        yield Row(
            f"bare step: {what}", f"{1000 * ours:.0f} ms", f"{name} {1000 * peer:.0f} ms",
            ours / peer, 1.05,
        )  # fmt: skip
