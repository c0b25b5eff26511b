"""What was exported into the data root: found by whose consent it names, or by its own name."""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from facepipe.defs.storage import Store
from facepipe.provenance.tombstones import Tombstone

_OURS = (
    "identities",
    "targets",
    "assets",
    ".work",
    "models",
    "tombstones",
    "logs",
    "keys",
    "README.md",
)


def delete_exported(store: Store, stone: Tombstone) -> None:
    """Delete what was exported into the data root: by the consent named in it, or by its name."""
    for path in _foreign_files(Path(store.root)):
        if path.is_file() and _shows(path, stone):
            for beside in path.parent.glob(f"{path.stem}.*"):
                beside.unlink()
            path.unlink(missing_ok=True)


def _foreign_files(root: Path) -> Iterator[Path]:
    for top in sorted(root.iterdir()):
        if top.name in _OURS or top.name.startswith("."):
            continue
        yield from top.rglob("*") if top.is_dir() else [top]


def _shows(path: Path, stone: Tombstone) -> bool:
    """Whether a file tells of one of the ended consents, or is named as an export of theirs is."""
    name = re.escape(stone.name)
    named = rf"{name}(_to|_towards)_" if stone.side == "identity" else rf".+_to_(.+_)?{name}(_|\.)"
    if re.match(named, path.name) or re.search(rf"_towards_{name}_to_", path.name):
        return True
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(consent.encode()) >= 0 for consent in stone.consents)
