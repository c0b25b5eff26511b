"""Training states on disk: tensors as safetensors, the rest as JSON, both under a hash."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from facepipe.errors import VerificationError
from facepipe.files import flush_to_disk, sha256_of, storage_errors, write_whole

_KEPT = 2
_FORMAT = 2
_UNFINISHED, _GONE = ".part", ".gone"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Everything a training is at one step.

    Attributes:
        step: optimizer steps done.
        tensors: weights, averages, optimizer and random states, by name.
        record: what JSON holds exactly: counts, history, settings.
        turn: how often the training went back or on to new data: tells states of one step apart.
        lasting: kept until there is a newer one of which this is true.
    """

    step: int
    tensors: dict[str, Tensor]
    record: dict[str, Any]
    turn: int = 0
    lasting: bool = False

    @property
    def name(self) -> str:
        """Of its folder; later ones sort later."""
        return f"{self.step:08d}.{self.turn:02d}"


def save_snapshot(folder: Path, snapshot: Snapshot) -> Path:
    """Write a folder of the snapshot's name, whole, and drop old ones; the snapshot's folder.

    The last two stay, and the last lasting one. A folder takes its name when all in it is on disk.

    Raises:
        StorageError: The disk is full or the folder may not be written to; what was there stays.
    """
    place, aside = folder / snapshot.name, folder / _UNFINISHED
    # as bytes first: written by safetensors itself, a full disk would not be an OSError
    packed = safetensors.torch.save(_packed(snapshot.tensors))
    body = {
        "format": _FORMAT,
        "step": snapshot.step,
        "turn": snapshot.turn,
        "lasting": snapshot.lasting,
        "tensors_sha256": hashlib.sha256(packed).hexdigest(),
        "record": snapshot.record,
    }
    sealed = {**body, "sha256": _seal(body)}
    with storage_errors(place):
        shutil.rmtree(aside, ignore_errors=True)
        try:
            write_whole(aside / "tensors.safetensors", packed)
            write_whole(aside / "state.json", json.dumps(sealed, indent=1, sort_keys=True) + "\n")
            aside.replace(place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        flush_to_disk(folder)
        _drop_old(folder)
    return place


def load_snapshot(
    folder: Path, fits: Callable[[dict[str, Any]], bool] = lambda _record: True
) -> tuple[Snapshot | None, list[str]]:
    """The newest whole snapshot whose record fits, and a line about each damaged one passed over.

    Damaged ones are removed; without any whole one there is nothing to resume.
    """
    notes: list[str] = []
    for place in reversed(saved_states(folder)):
        try:
            sealed = _read_record(place)
            if not fits(sealed["record"]):
                continue
            return _read_tensors(place, sealed), notes
        except VerificationError as error:
            notes.append(f"{error}; passed over")
            _log.warning(notes[-1])
            _remove(place)
    return None, notes


def saved_states(folder: Path) -> list[Path]:
    """The folders of all snapshots, oldest first."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [place for place in found if not place.name.startswith(".")]


def forget_after(folder: Path, name: str) -> None:
    """Remove the snapshots newer than the one called `name`, newest first."""
    for place in reversed(saved_states(folder)):
        if place.name > name:
            _remove(place)


def forget_before(folder: Path) -> None:
    """Remove all snapshots but the newest."""
    for place in saved_states(folder)[:-1]:
        _remove(place)


def lasting_state(folder: Path) -> Path | None:
    """The newest lasting snapshot, from which a longer training goes on."""
    return next((place for place in reversed(saved_states(folder)) if _is_lasting(place)), None)


def _drop_old(folder: Path) -> None:
    lasting = lasting_state(folder)
    for old in saved_states(folder)[:-_KEPT]:
        if old != lasting:
            _remove(old)


def _remove(place: Path) -> None:
    """Take its name away first: killed half way, it must not look like a damaged state."""
    gone = place.with_name(_GONE)
    shutil.rmtree(gone, ignore_errors=True)
    place.replace(gone)
    shutil.rmtree(gone)


def _is_lasting(place: Path) -> bool:
    try:
        return bool(_read_record(place)["lasting"])
    except VerificationError:
        return False


def _read_record(place: Path) -> dict[str, Any]:
    try:
        sealed: dict[str, Any] = json.loads((place / "state.json").read_bytes())
        seal = sealed.pop("sha256")
    except (OSError, ValueError, KeyError) as error:
        raise VerificationError(f"training state {place.name} cannot be read ({error})") from error
    if seal != _seal(sealed):
        raise VerificationError(f"training state {place.name} does not match its hash")
    if sealed.get("format") != _FORMAT:
        raise VerificationError(f"training state {place.name} was written by another version")
    return sealed


def _read_tensors(place: Path, sealed: dict[str, Any]) -> Snapshot:
    path = place / "tensors.safetensors"
    try:
        is_whole = sha256_of(path) == sealed["tensors_sha256"]
    except OSError as error:
        raise VerificationError(f"training state {place.name} cannot be read ({error})") from error
    if not is_whole:
        raise VerificationError(f"training state {place.name} does not match its hash")
    tensors = safetensors.torch.load_file(path)
    return Snapshot(sealed["step"], tensors, sealed["record"], sealed["turn"], sealed["lasting"])


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _packed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """On the CPU, in plain order, none sharing memory: what safetensors can hold."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()
    }
