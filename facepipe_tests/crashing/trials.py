"""Have work broken off in a process of its own, and read what became of it.

`python -m facepipe_tests.crashing.trials FOLDER MODELS SEED KIND=COUNT…` keeps each result in
`FOLDER/found.jsonl` and what all begin from in `FOLDER`, so that many can be tried in several
sittings of one version of the code; the table is of all of them.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facepipe_tests.crashing.faults import preloaded

_HEAD = ("work", "fault", "moment", "ended", "torn", "untrue", "loud", "lost", "same")


def trials(folder: Path, models: Path, seed: int, asked: Sequence[str]) -> Iterator[dict]:
    """What became of each fault, as `points.Found`; `asked` for as `KIND=COUNT`."""
    command = [sys.executable, "-m", "facepipe_tests.crashing", folder, models, str(seed), *asked]
    with (
        (folder / "errors").open("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=preloaded(folder),
            cwd=Path(__file__).parents[2],
        ) as process,
    ):  # fmt: skip
        assert process.stdout
        yield from map(json.loads, process.stdout)
        if process.wait():
            raise RuntimeError((folder / "errors").read_text()[-3000:])


def kept(folder: Path, models: Path, seed: int, asked: Sequence[str]) -> str:
    """A table of all trials that were ever kept in a folder, after so many more."""
    folder.mkdir(exist_ok=True)
    note = folder / "found.jsonl"
    for one in trials(folder, models, seed, asked):
        with note.open("a") as file:
            file.write(json.dumps(one) + "\n")
    return table([json.loads(line) for line in note.read_text().splitlines()])


def table(found: list[dict[str, Any]]) -> str:
    """A line for each fault, and how many of each kind of fault and work were fine."""
    rows = [_HEAD, *map(_row, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in rows]  # fmt: skip
    return "\n".join([*lines, "", *_totals(found)])


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    ended = str(one["code"]) if one["is_broken"] else "0: not reached"
    counts = [str(len(one[name])) for name in ("torn", "untrue", "loud")]
    what = f"{one['what']}{' renewed' if one['renewed'] else ''}"
    lost, same = str(one["lost_steps"]), "no" if one["differing"] else "yes"
    return (what, one["fault"], one["moment"], ended, *counts, lost, same)


def _totals(found: list[dict[str, Any]]) -> Iterator[str]:
    for fault in dict.fromkeys(one["fault"] for one in found):
        for work in dict.fromkeys(one["work"] for one in found):
            mine = [one for one in found if (one["fault"], one["work"]) == (fault, work)]
            if not mine:
                continue
            broken = [one for one in mine if one["is_broken"]]
            yield (
                f"{fault} in {work}: {len(broken)} broken off, of them "
                f"{sum(bool(one['torn']) for one in broken)} torn, "
                f"{sum(bool(one['lost_steps']) for one in broken)} lost epochs, "
                f"{sum(bool(one['differing']) for one in broken)} differing, "
                f"{sum(bool(one['untrue']) for one in broken)} untrue, "
                f"{sum(bool(one['loud']) for one in broken)} loud"
            )


if __name__ == "__main__":
    where, models, seed, *asked = sys.argv[1:]
    sys.stdout.write(kept(Path(where).absolute(), Path(models), int(seed), asked) + "\n")
