"""Bad inputs of a training: rates, ranks, bases, adapters, profiles, memory, disks, rivals."""

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from facepipe.identity.embedding import builtin_embedder, require_same_embedder
from facepipe.identity.profile import Profile
from facepipe.publishing import held
from facepipe.training import identity_model
from facepipe.training.adapter import load_adapter, rank_notes
from facepipe.training.checkpoint import load_generator
from facepipe.training.data import load_faces
from facepipe.training.identity_model import train_identity
from facepipe.training.task import judging_notes
from facepipe_tests.errors.cases import Case
from facepipe_tests.test_damaged_files import profile_of
from facepipe_tests.training.adapters import random_adapter, random_base
from facepipe_tests.training.conftest import ON_CPU, TINY, people_faces, two_embeddings
from facepipe_tests.training.test_training_stepping import TightGenerator


def train(folder: Path, settings=TINY, faces=None):
    """Train an identity of a few drawn faces."""
    return train_identity(
        people_faces() if faces is None else faces, two_embeddings()[0], settings,
        device=ON_CPU, scratch=folder / "scratch", out=folder / "out",
    )  # fmt: skip


def trained(**settings: object) -> Callable[[Path], str]:
    return lambda folder: str(train(folder, replace(TINY, **settings)))


def trained_on_nothing(folder: Path) -> str:
    one = people_faces(1)
    arrays = {name: value[:0] for name, value in vars(one).items() if name != "sources"}
    return str(train(folder, faces=replace(one, **arrays)))


def changed(folder: Path) -> str:
    train(folder)
    return str(train(folder, replace(TINY, epochs=3, batch_size=3)))


def no_memory(folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity_model, "Generator", TightGenerator)
        patch.setattr(TightGenerator, "room", 0)
        return str(train(folder))


def full_disk(folder: Path) -> str:
    whole = Path.write_bytes

    def half(path: Path, content: bytes) -> int:
        if "tensors" not in path.name:
            return whole(path, content)
        whole(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", half)
        return str(train(folder))


def rivals(folder: Path) -> str:
    with held(folder / ".scratch.lock", "the training"):
        return str(train(folder))


def damaged_state(folder: Path) -> str:
    """A training of which the newest state was changed: what it notes, and goes on from."""
    train(folder)
    newest = sorted((folder / "scratch" / "state").iterdir())[-1] / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    return train(folder, replace(TINY, epochs=3)).notes[0]


def other_base(folder: Path) -> str:
    base, other = random_base(folder / "base"), random_base(folder / "other", seed=1)
    return str(load_adapter(other, random_adapter(folder / "adapter", base, 1)))


def other_architecture(folder: Path) -> str:
    base = random_base(folder / "base")
    adapter = random_adapter(folder / "adapter", base, 1)
    config = adapter / "adapter_config.json"
    told = config.read_text().replace('"stem.0"', '"up.0"').replace('"stem.2"', '"up.2"')
    config.write_text(told)
    return str(load_adapter(base, adapter))


def ranks(folder: Path) -> str:
    (note,) = rank_notes(load_generator(random_base(folder / "base")), 2, {"stem": 100})
    return note


def other_embedder(folder: Path) -> str:
    profile = profile_of({"name": "arcface", "version": "w600k_r50", "sha256": "0" * 64})
    profile.save(folder / "profile.json")
    return str(require_same_embedder(Profile.load(folder / "profile.json"), builtin_embedder()))


CASES = (
    Case("training", "learning rate that diverges", trained(epochs=8, learning_rate=0.99), 1,
         "lower learning_rate"),
    Case("training", "rank above what a layer allows", ranks, 0, "these layers allow"),
    Case("training", "base of another hash", other_base, 2, "train the adapter again"),
    Case("training", "adapter for another architecture", other_architecture, 2, "architecture"),
    Case("training", "profile from another embedder", other_embedder, 2, "make the profile again"),
    Case("training", "no usable face", trained_on_nothing, 2, "at least one usable face"),
    Case("training", "held-out set empty",
         lambda folder: judging_notes(load_faces(people_faces(1), 5))[0], 0, "too few faces"),
    Case("training", "device out of memory", no_memory, 2, "lower batch_size"),
    Case("training", "disk full in mid-save", full_disk, 2, "No space left on device"),
    Case("training", "two trainers on one state", rivals, 1, "training in"),
    Case("training", "state of other settings", changed, 2, "cannot go on with another"),
    Case("training", "state damaged since it was saved", damaged_state, 0, "passed over"),
    Case("training", "identity loss without an ArcFace model", trained(identity=1.0), 2,
         "or set identity to 0"),
)  # fmt: skip
