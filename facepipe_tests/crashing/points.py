"""One fault in one kind of work: what it left, and whether one more run makes it good."""

import json
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from facepipe_tests.crashing.faults import SIGNALS, Fault, leave_room, small_disk
from facepipe_tests.crashing.looks import Known, lost_steps, saves
from facepipe_tests.crashing.works import DATA, NEW, WORKS, Stock, Told, as_command, command, told

ENDS = {
    "SIGKILL": {-9}, "SIGTERM": {130}, "SIGINT": {130}, "ENOSPC": {2}, "EROFS": {2},
    "EIO": {1, 2}, "clock": set(),
}  # fmt: skip
"""With which codes a command may end that a fault broke off; with 0 it was done before."""


_MOST_ROOM, _PLENTY = 8_000_000, 10**9
_BEGINS_S = 8.0
"""How long a command takes to load its libraries."""


@dataclass(frozen=True)
class Task:
    """Something to be broken off.

    Attributes:
        work: the kind of work.
        keys: the assets that are made, some of that kind.
        renewed: whether they are there already, made with other settings.
        is_command: whether it is done by the command itself, begun anew, instead of in a fork.
    """

    work: str
    keys: tuple[str, ...]
    renewed: bool
    is_command: bool = False


@dataclass(frozen=True)
class Length:
    """How long work is: in time, and in calls of each kind; see `faults.CHANGES`."""

    seconds: float
    counts: list[int]

    def or_longer(self, other: "Length") -> "Length":
        """The larger of each."""
        counts = [max(pair) for pair in zip(self.counts, other.counts, strict=True)]
        return Length(max(self.seconds, other.seconds), counts)


_GUESSED = Length(2.0, [800, 150, 150])


@dataclass
class Found:
    """What became of one fault.

    Attributes:
        work: what kind of work was being done.
        what: the asset, or all of that kind.
        renewed: whether it was there already, made with other settings.
        fault: what went wrong.
        moment: when.
        code: how the command ended.
        said: its last line.
        torn: what was neither the old state nor the new one.
        untrue: what `facepipe status` told wrongly.
        loud: what a user had to see that is no single line.
        lost_steps: training steps that were done again although they were saved.
        differing: what one more run did not make as an undisturbed one does, or left over.
        seconds: that all of it took.
    """

    work: str
    what: str
    renewed: bool
    fault: str
    moment: str
    code: int = 0
    said: str = ""
    torn: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    loud: list[str] = field(default_factory=list)
    lost_steps: int = 0
    differing: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_fine(self) -> bool:
        """Whether nothing was torn, lost, untrue, loud or different."""
        return not (self.torn or self.untrue or self.loud or self.lost_steps or self.differing)

    @property
    def is_broken(self) -> bool:
        """Whether the fault came before the work was done."""
        return self.code != 0 or self.fault == "clock"

    def as_row(self) -> dict[str, Any]:
        """For a table."""
        return {**asdict(self), "fine": self.is_fine, "is_broken": self.is_broken}


class Workbench:
    """Where faults are tried.

    Args:
        folder: where the data roots lie.
        models: the folder of the landmark model.
    """

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder, self.stock = folder, Stock(folder, models)
        self.known = Known(self.stock)
        self._lengths: dict[Task, Length] = {}

    def drawn(self, work: str, kind: str, seed: int) -> tuple[Task, Fault]:
        """A part of a kind of work, and a fault at a random moment of it."""
        chance = random.Random(f"{work} {kind} {seed}")  # noqa: S311  no secret
        whole, renewed, by_time, events = (chance.random() < p for p in (0.1, 0.5, 0.4, 0.25))
        if kind.startswith("command-"):
            task = Task(work, WORKS[work], renewed, is_command=True)
            # before, Python itself begins, which no program sees to
            after_s = chance.uniform(0.5, _BEGINS_S + self._length(task).seconds)
            return task, Fault(kind.removeprefix("command-"), after_s=after_s)
        task = Task(work, WORKS[work] if whole else (chance.choice(WORKS[work]),), renewed)
        if kind == "disk-ENOSPC":
            return task, Fault("ENOSPC", room=chance.randint(0, _MOST_ROOM))
        if kind == "clock":
            return task, Fault(kind, seed=seed)
        fault = Fault(kind, events=events)
        length = self._length(task)
        if by_time and kind in SIGNALS:
            return task, replace(fault, after_s=chance.uniform(0.05, length.seconds))
        return task, replace(fault, at=chance.randint(1, max(1, length.counts[fault.watched])))

    def _length(self, task: Task) -> Length:
        """How long the work is, as far as it is known from runs that came to their end."""
        return self._lengths.get(replace(task, is_command=False), _GUESSED)

    def broken(self, task: Task, fault: Fault) -> Found:
        """Do work with a fault in it, and look what there is then and after one more run."""
        root = self.folder / DATA
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        with nullcontext() if fault.room is None else small_disk(root):
            found = self._broken(task, fault, root)
            if not found.is_fine:
                shutil.copytree(root, self.folder / f"bad {time.monotonic():.0f} {fault.moment}")
        shutil.rmtree(root)
        return found

    def _broken(self, task: Task, fault: Fault, root: Path) -> Found:
        started, note = time.monotonic(), root.with_suffix(".saves")
        note.unlink(missing_ok=True)
        what = f"all of {task.work}" if len(task.keys) > 1 else task.keys[0]
        what = f"facepipe run, {task.work}" if task.is_command else what
        found = Found(task.work, what, task.renewed, fault.kind, fault.moment)
        self.stock.before(task.keys, root, renewed=task.renewed)
        if fault.room is not None:
            leave_room(root, fault.room)
        ended = _run(root, task, fault)
        if fault.room is not None:
            leave_room(root, _PLENTY)
        found.code, found.said = ended.code, (ended.said.strip().splitlines() or [""])[-1]
        found.loud = list(_loud(ended, ENDS[fault.kind]))
        found.torn = self.known.torn(root)
        found.untrue = self.known.untrue(root, _status(root))
        broken = saves(note)
        note.unlink(missing_ok=True)
        task = replace(task, is_command=False)
        begun_s, count = time.monotonic(), root.with_suffix(".count")
        again = _run(root, task, note=count)
        if again.code == 0:
            length = Length(time.monotonic() - begun_s, json.loads(count.read_text()))
            self._lengths[task] = length.or_longer(self._lengths.get(task, length))
        found.loud += _loud(again, set())
        found.differing = self.known.differing(root)
        found.lost_steps = lost_steps(broken, saves(note))
        note.unlink(missing_ok=True)
        found.seconds = time.monotonic() - started
        return found


def _run(root: Path, task: Task, fault: Fault | None = None, note: Path | None = None) -> Told:
    work = (lambda: as_command(NEW)) if task.is_command else (lambda: command(NEW, task.keys))
    return told(root, work, fault, note)


def _status(root: Path) -> list[list[str]]:
    """Asset, state and reason of each row of `facepipe status`."""
    note = root.with_suffix(".status")

    def tell() -> None:
        from facepipe.cli.standing import standing
        from facepipe.cli.surroundings import dagster_instance, store

        with dagster_instance() as instance:
            rows = [
                [row.asset, row.state, row.why] for row in standing(instance, store(), None, None)
            ]
        note.write_text(json.dumps(rows))

    ended = told(root, tell)
    if ended.code:
        return [["facepipe status", "broken", ended.said[-300:]]]
    return json.loads(note.read_text())


def _loud(ended: Told, codes: set[int]) -> Iterator[str]:
    """What is wrong with how a command ended: other than well, or with its code and one line."""
    lines = ended.said.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    if "Traceback" in ended.said or "Logging error" in ended.said:
        yield f"traceback: {ended.said[-600:]}"
    if ended.code not in {0, *codes}:
        yield f"exit {ended.code}: {lines[-1] if lines else ''}"
    wanted = 1 if ended.code > 0 else 0
    if len(errors) != wanted or (wanted and lines[-1] != errors[0]):
        yield f"{len(errors)} error lines: {ended.said[-300:]}"
