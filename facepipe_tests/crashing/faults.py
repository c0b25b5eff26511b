"""Faults beneath every library: `faults.c`, built once, loaded before the C library."""

import ctypes
import errno
import os
import random
import shutil
import signal
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
CHANGES, CHANGES_OF_OTHERS, READS = range(3)
"""What is counted: changes of files, of those that are not Dagster's own, reads of files."""
_JUMP_S = 20 * 365 * 86400
_JUMPS_EVERY_S = 0.1


@dataclass(frozen=True)
class Fault:
    """What goes wrong in a run.

    Attributes:
        kind: one of `KINDS`, or `none`.
        at: at which change (or read) of a file below the data root, from 1; 0: by time.
        after_s: after how many seconds, for signals.
        room: how many bytes are free on a small disk of its own, for `ENOSPC`.
        events: whether Dagster's own files count as well.
        seed: of what is drawn anew while it runs.
    """

    kind: str = "none"
    at: int = 0
    after_s: float | None = None
    room: int | None = None
    events: bool = False
    seed: int = 0

    @property
    def signal(self) -> int:
        """Which one is sent; 0: none."""
        return SIGNALS.get(self.kind, 0)

    @property
    def moment(self) -> str:
        """When, for a person to read."""
        if self.after_s is not None:
            return f"{self.after_s:.2f} s"
        if self.kind == "clock":
            return "all along"
        if self.room is not None:
            return f"{self.room // 1024} KiB free"
        what = "read" if self.kind == "EIO" else "change"
        return f"{what} {self.at}{' of all' if self.events else ''}"

    @property
    def watched(self) -> int:
        """Which calls are counted to know when it is time."""
        if self.kind == "EIO":
            return READS
        return CHANGES if self.events else CHANGES_OF_OTHERS

    def arm(self, root: Path) -> None:
        """Let it come about in this process, which `preloaded` started or forked."""
        library, error = ctypes.CDLL(None), ERRORS.get(self.kind, 0)
        library.faults_arm(
            os.fsencode(root), os.fsencode(root / ".dagster"), self.watched,
            ctypes.c_long(self.at), error, self.signal,
        )  # fmt: skip
        if self.kind == "clock":
            threading.Thread(target=self._jump, args=(library,), daemon=True).start()

    def _jump(self, library: ctypes.CDLL) -> None:
        chance, never = random.Random(self.seed), threading.Event()  # noqa: S311  no secret
        while not never.wait(_JUMPS_EVERY_S * chance.random()):
            library.faults_clock(ctypes.c_long(chance.randint(-_JUMP_S, _JUMP_S)))


SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "SIGINT": signal.SIGINT}
ERRORS = {"ENOSPC": errno.ENOSPC, "EROFS": errno.EROFS, "EIO": errno.EIO}
KINDS = (*SIGNALS, *ERRORS, "clock")


def counted() -> list[int]:
    """How many calls of each kind there were since a fault was armed."""
    ask = ctypes.CDLL(None).faults_counted
    ask.restype = ctypes.c_long
    return [ask(what) for what in (CHANGES, CHANGES_OF_OTHERS, READS)]


@contextmanager
def small_disk(place: Path) -> Generator[None]:
    """A file system of its own in an empty folder, until the block ends."""
    subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def leave_room(disk: Path, room: int) -> None:
    """Let so many bytes be free on a small disk."""
    found = os.statvfs(disk)
    size = (found.f_blocks - found.f_bfree) * found.f_frsize + room
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


def can_be_made() -> bool:
    """Whether this system has what faults need: a C compiler and Linux's loader."""
    return shutil.which("cc") is not None and Path("/proc/self/fd").is_dir()


def preloaded(folder: Path) -> dict[str, str]:
    """The environment in which processes can have faults; the library is built in `folder`."""
    library = folder / "faults.so"
    command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1"}
