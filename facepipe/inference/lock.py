"""MODELS.lock: what lies in the models folder, with hash, licence and origin."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from facepipe.errors import ModelFileError
from facepipe.files import sha256_of, write_whole

LOCK = "MODELS.lock"


@dataclass(frozen=True)
class LockedModel:
    """One line of the record.

    Attributes:
        name: What commands and settings call the model.
        file: Its name in the models folder.
        sha256: Hash it had when it came, 64 hex digits.
        bytes: Its size.
        licence: Under which terms.
        source: Who made it, or which file it was registered from.
        built_from: What it was put together from; empty for a file taken as it came.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    licence: str
    source: str
    built_from: str = ""


def read_lock(folder: Path) -> dict[str, LockedModel]:
    """The record by name; empty where nothing was fetched yet.

    Raises:
        ModelFileError: The record cannot be read.
    """
    path = folder / LOCK
    if not path.is_file():
        return {}
    try:
        entries = json.loads(path.read_text())["models"]
        return {entry["name"]: LockedModel(**entry) for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise ModelFileError(
            f"{path}: damaged ({error}); delete it and run `facepipe models fetch`"
        ) from error


def lock(folder: Path, entry: LockedModel) -> None:
    """Write `entry` into the record, in the place of one of the same name."""
    entries = read_lock(folder) | {entry.name: entry}
    ordered = [asdict(entries[name]) for name in sorted(entries)]
    write_whole(folder / LOCK, json.dumps({"models": ordered}, indent=2) + "\n")


def measured(name: str, path: Path, licence: str, source: str, built_from: str = "") -> LockedModel:
    """The record of the file at `path` as it is now."""
    return LockedModel(
        name, path.name, sha256_of(path), path.stat().st_size, licence, source, built_from
    )
