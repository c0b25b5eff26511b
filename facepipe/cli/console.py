"""What a person sees: a bar for each asset in a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

stdout = Console()
stderr = Console(stderr=True)
_LINE_EVERY_S = 10.0


class Lines:
    """Plain lines: at most one every ten seconds for an asset, and one when it is there."""

    def __init__(self) -> None:
        self._started_s: dict[str, float] = {}
        self._said_s: dict[str, float] = {}

    def advanced(self, asset: str, done: int, total: int) -> None:
        """Say how far an asset is, now and then."""
        now = time.monotonic()
        self._started_s.setdefault(asset, now)
        if now - self._said_s.setdefault(asset, now) > _LINE_EVERY_S:
            self._said_s[asset] = now
            _line(f"{asset}: {done} of {total or '?'}")

    def finished(self, asset: str, *, reused: bool) -> None:
        """Say that an asset is there."""
        started = self._started_s.pop(asset, time.monotonic())
        took = f"made in {time.monotonic() - started:.1f} s"
        _line(f"{asset}: {'unchanged' if reused else took}")

    def says(self, line: str) -> None:
        """Say a line."""
        _line(line)


class Bars:
    """A progress bar for each asset, with the time that remains."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def advanced(self, asset: str, done: int, total: int) -> None:
        """Move an asset's bar."""
        if asset not in self._tasks:
            self._tasks[asset] = self._progress.add_task(asset, total=total or None)
        self._progress.update(self._tasks[asset], completed=done, total=total or None)

    def finished(self, asset: str, *, reused: bool) -> None:
        """Replace an asset's bar by one line."""
        if asset in self._tasks:
            self._progress.remove_task(self._tasks.pop(asset))
        self._progress.console.print(f"{asset}: {'unchanged' if reused else 'made'}")

    def says(self, line: str) -> None:
        """Say a line above the bars."""
        self._progress.console.print(line, markup=False, highlight=False)


@contextmanager
def following() -> Generator[Lines | Bars]:
    """A listener that suits where stderr goes to."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as progress:
        yield Bars(progress)


def _line(text: str) -> None:
    stderr.print(text, markup=False, highlight=False, soft_wrap=True)
