"""Work in child processes that are ended from outside or at one of their own writes to disk."""

import ctypes
import itertools
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

KILLED = -signal.SIGKILL
_LOOK_EVERY_S = 0.005
_PR_SET_PDEATHSIG = 1


def in_child(
    work: Callable[[], object],
    after_s: float | None = None,
    number: int = signal.SIGKILL,
    limit_s: float | None = None,
    begun: Path | None = None,
) -> int:
    """Run `work` in a forked process; its exit code, negative if a signal ended it.

    Args:
        work: what to do; with which code it ends is the process's.
        after_s: when the process, and all that it started, get the signal `number`.
        number: a signal.
        limit_s: when a process that has still not ended is killed.
        begun: a file whose appearance starts the time until the signal.
    """
    child = os.fork()
    if not child:
        code = 1
        try:
            os.setpgid(0, 0)
            _die_with_parent()
            work()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
        except BaseException:  # noqa: BLE001  the child must end here, whatever it was
            traceback.print_exc()
        finally:
            os._exit(code)
    return _ended(child, after_s, number, limit_s, begun)


def _die_with_parent() -> None:
    """Let this process be killed when the one that forked it ends, on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _ended(
    child: int, after_s: float | None, number: int, limit_s: float | None, begun: Path | None
) -> int:
    """The exit code of a process that leads a group, and gets a signal or runs out of time."""
    started_s = time.monotonic()
    begun_s = None if begun else started_s
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        now_s = time.monotonic()
        if begun and begun_s is None and begun.exists():
            begun_s = now_s
        if after_s is not None and begun_s is not None and now_s - begun_s > after_s:
            after_s = None
            os.killpg(child, number)
        if limit_s is not None and now_s - started_s > limit_s:
            os.killpg(child, signal.SIGKILL)
        time.sleep(_LOOK_EVERY_S)


def dying(work: Callable[[], object], at_write: int) -> Callable[[], None]:
    """`work`, killed in the middle of putting its `at_write`-th file or folder in place."""

    def die(count: int) -> None:
        if count == at_write:
            os.kill(os.getpid(), signal.SIGKILL)

    return _at_each_write(work, die)


def writes_of(work: Callable[[], object], note: Path) -> Callable[[], None]:
    """`work`, leaving in `note` how many writes it flushed."""
    return _at_each_write(work, lambda count: note.write_text(str(count)) and None)


def _at_each_write(work: Callable[[], object], tell: Callable[[int], None]) -> Callable[[], None]:
    def run() -> None:
        whole, count = os.fsync, itertools.count(1)

        def fsync(handle: int) -> None:
            tell(next(count))
            whole(handle)

        os.fsync = fsync
        work()

    return run
