"""What lies in a data root after something broke: what is whole, what is torn, and what is lost."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from facepipe.files import sha256_of
from facepipe_tests.crashing.works import ASSETS, Stock, place

TIMED = ("telemetry.jsonl", "tensorboard")
"""What tells timings: the content differs from run to run."""
Files = dict[str, str]


def files_in(folder: Path) -> Files:
    """The SHA-256 of each file below a folder, by name; of what tells timings, that it is there."""
    return {
        name: "timed" if timed else sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for parts in [path.relative_to(folder).parts]
        for timed in [parts[0] in TIMED]
        for name in [parts[0] if timed else "/".join(parts)]
    }


class Known:
    """The two states in which each asset may be found, the old one and the new one."""

    def __init__(self, stock: Stock) -> None:
        self.new = {key: files_in(place(stock.root, key)) for key in ASSETS}
        self.old = {key: files_in(place(stock.old, key)) for key in ASSETS}
        self.beside, self.left = beside(stock.root), left_over(stock.root)

    def torn(self, root: Path) -> list[str]:
        """What is published and is neither the old state nor the new one, and broken databases."""
        found = [
            key
            for key in ASSETS
            if place(root, key).exists()
            and files_in(place(root, key)) not in (self.old[key], self.new[key])
        ]
        wrong = {name for name, _ in beside(root).items() ^ self.beside.items()}
        return [*found, *sorted(wrong), *broken_databases(root)]

    def differing(self, root: Path) -> list[str]:
        """What is not as an undisturbed run leaves it; what is left over from the broken one."""
        found = [key for key in ASSETS if files_in(place(root, key)) != self.new[key]]
        return [*found, *sorted(set(left_over(root)) - set(self.left))]

    def untrue(self, root: Path, rows: list[list[str]]) -> list[str]:
        """Which rows of `facepipe status` (asset, state, why) are not so."""
        return [f"{key} is called {state} ({why})" for key, state, why in rows
                if not self._is_so(root, key, state, why)]  # fmt: skip

    def _is_so(self, root: Path, key: str, state: str, why: str) -> bool:
        is_there = (place(root, key) / ".recipe.json").is_file()
        match state:
            case "made" | "stale":
                return is_there and (state == "made") == (not why)
            case "missing":
                return not is_there
            case "failed":
                return bool(why)
            case _:
                return False  # nothing runs, nothing waits


def beside(root: Path) -> Files:
    """What lies in a data root beside assets, unfinished work, logs and Dagster's own files."""
    passed = ("assets", ".work", "logs", ".dagster")
    folders = [path for path in root.iterdir() if path.name not in passed]
    return {
        f"{folder.name}/{name}": digest
        for folder in folders
        for name, digest in files_in(folder).items()
    } | {path.name: sha256_of(path) for path in folders if path.is_file()}


def left_over(root: Path) -> list[str]:
    """Files of unfinished work, other than locks that nobody holds, and parts of files anywhere."""
    work = [path for path in (root / ".work").rglob("*") if path.is_file()]
    parts = [path for path in root.rglob(".*.part*") if path.is_file()]
    return sorted(str(path.relative_to(root)) for path in {*work, *parts} if path.suffix != ".lock")


def broken_databases(root: Path) -> list[str]:
    """Dagster's databases that SQLite finds damaged."""
    return [
        str(path.relative_to(root))
        for path in sorted((root / ".dagster").rglob("*.db"))
        if _integrity(path) != "ok"
    ]


def _integrity(database: Path) -> str:
    try:
        with closing(sqlite3.connect(database, timeout=5)) as base:
            return base.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)


def saves(note: Path) -> list[dict]:
    """What trainings noted of their saves, in order; `works.noting_saves`."""
    return [json.loads(line) for line in note.read_text().splitlines()] if note.is_file() else []


def lost_steps(broken: list[dict], resumed: list[dict]) -> int:
    """How many steps that were saved, or begun from, were trained again."""
    lost = 0
    for folder in {line["of"] for line in broken}:
        reached = [line["step"] for line in broken if line["of"] == folder]
        begun = [line["step"] for line in resumed if line["of"] == folder][:1]
        lost += sum(max(0, reached[-1] - step) for step in begun)
    return lost
