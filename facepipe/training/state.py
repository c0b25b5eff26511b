"""Training states on disk: tensors as safetensors, the rest as JSON, both under a hash."""

import hashlib
import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from facepipe.errors import VerificationError
from facepipe.files import sha256_of, write_whole

_KEPT = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything a training is at one step.

    Attributes:
        step: optimizer steps done.
        tensors: weights, averages, optimizer and random states, by name.
        record: what JSON holds exactly: counts, history, settings.
    """

    step: int
    tensors: dict[str, Tensor]
    record: dict[str, Any]


def save_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write `folder/<step>`, whole, and drop all but the last two; the snapshot's folder.

    `state.json` is written last and names the hash of the tensors, so a folder without a valid
    one was never finished.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    place = folder / f"{snapshot.step:08d}"
    # as bytes first: written by safetensors itself, a full disk would not be an OSError
    packed = safetensors.torch.save(_packed(snapshot.tensors))
    digest = hashlib.sha256(packed).hexdigest()
    write_whole(place / "tensors.safetensors", packed)
    body = {"step": snapshot.step, "tensors_sha256": digest, "record": snapshot.record}
    sealed = {**body, "sha256": _seal(body)}
    write_whole(place / "state.json", json.dumps(sealed, indent=1, sort_keys=True) + "\n")
    for old in sorted(folder.iterdir())[:-_KEPT]:
        shutil.rmtree(old)
    return place


def load_snapshot(folder: Path) -> tuple[Snapshot | None, list[str]]:
    """The newest whole snapshot in `folder`, and a line about each damaged one passed over.

    Damaged ones are removed; without any whole one there is nothing to resume.
    """
    notes: list[str] = []
    for place in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []:
        try:
            return _read(place), notes
        except VerificationError as error:
            notes.append(f"{error}; going on from the one before")
            _log.warning(notes[-1])
            shutil.rmtree(place)
    return None, notes


def _read(place: Path) -> Snapshot:
    try:
        sealed: dict[str, Any] = json.loads((place / "state.json").read_bytes())
        seal = sealed.pop("sha256")
        tensors = place / "tensors.safetensors"
        is_whole = seal == _seal(sealed) and sha256_of(tensors) == sealed["tensors_sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise VerificationError(f"training state {place.name} cannot be read ({error})") from error
    if not is_whole:
        raise VerificationError(f"training state {place.name} does not match its hash")
    return Snapshot(sealed["step"], safetensors.torch.load_file(tensors), sealed["record"])


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _packed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, in plain order, none sharing memory: what safetensors can hold."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
