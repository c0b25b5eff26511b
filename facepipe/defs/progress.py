"""What long work tells while it runs, and how it is asked to stop.

An asset reports to the run's log; a command line that runs assets in its own process may listen
as well, to draw a progress bar.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

import dagster as dg


class Listener(Protocol):
    """Follows the assets that are made in this process."""

    def advanced(self, asset: str, done: int, total: int) -> None:
        """Hear that `done` of `total` steps (0: unknown) of an asset are made."""

    def finished(self, asset: str, *, reused: bool) -> None:
        """Hear that an asset is published, or was used again as it is."""

    def says(self, line: str) -> None:
        """Hear what a user should know at once; from another thread, too."""


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)
_LOG_EVERY_S = 10.0
_ASK_EVERY_S = 1.0


@contextmanager
def listening(listener: Listener) -> Generator[None]:
    """Send all progress of this thread's assets to `listener`, within the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@dataclass
class Progress:
    """Reports how far `name` is: to the listener each time, to the log now and then."""

    log: dg.DagsterLogManager
    name: str
    _logged_at_s: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, total: int) -> None:
        """Say that `done` of `total` steps (0: unknown) are made."""
        listener = _listener.get()
        if listener is not None:
            listener.advanced(self.name, done, total)
        if time.monotonic() - self._logged_at_s > _LOG_EVERY_S:
            self._logged_at_s = time.monotonic()
            self.log.info("%s: %d of %s", self.name, done, total or "unknown")

    def say(self, line: str) -> None:
        """Say what a user should know at once, in the run's log and to the listener."""
        self.log.warning("%s: %s", self.name, line)
        listener = _listener.get()
        if listener is not None:
            listener.says(f"{self.name}: {line}")

    def finished(self, *, reused: bool) -> None:
        """Say that the asset is there."""
        listener = _listener.get()
        if listener is not None:
            listener.finished(self.name, reused=reused)


def sometimes(ask: Callable[[], bool]) -> Callable[[], bool]:
    """`ask`, which costs something, put at most once a second; once true it stays true."""
    asked_at_s, answer = -math.inf, False

    def answered() -> bool:
        nonlocal asked_at_s, answer
        if not answer and time.monotonic() - asked_at_s > _ASK_EVERY_S:
            asked_at_s, answer = time.monotonic(), ask()
        return answer

    return answered


@contextmanager
def stop_flag() -> Generator[Callable[[], bool]]:
    """Yield a function that turns true once SIGINT or SIGTERM has come, instead of dying of it.

    A second signal interrupts at once, for work that does not ask the flag. Signals reach the
    main thread only; elsewhere the flag stays false.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event.is_set
        return

    def note(_number: int, _frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        signal.signal(number, note)
    try:
        yield event.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
