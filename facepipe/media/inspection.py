"""Decode media for the first time in a process of its own, within limits.

A decoder that crashes, hangs or fills the memory on a hostile file takes that process with it and
nothing else. What was decoded once from first frame to last is then read at full speed in-process.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from facepipe.errors import MediaError
from facepipe.media.settings import InspectionSettings

_LOOK_EVERY_S = 0.25
_MIB = 1 << 20


def inspect_media(
    paths: Sequence[Path],
    settings: InspectionSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[int]:
    """How many frames each of `paths` holds, all of which were decoded.

    Raises:
        MediaError: One of them is no media, is damaged, exceeds a limit, or ends the decoder.
    """
    settings = settings or InspectionSettings()
    frames: list[int] = []
    with _process(paths, settings) as process:
        for told in _answers(process, paths, settings, frames):
            if "error" in told:
                raise MediaError(told["error"])
            if "frames" in told:
                frames.append(int(told["frames"]))
                on_progress(len(frames), len(paths))
        if len(frames) < len(paths):
            raise MediaError(f"{paths[len(frames)]}: {_ended(process.wait())}")
    return frames


@contextmanager
def _process(
    paths: Sequence[Path], settings: InspectionSettings
) -> Generator[subprocess.Popen[bytes]]:
    """The inspecting process, with its question asked; it is gone afterwards."""
    asked = {"files": [str(path.absolute()) for path in paths], **asdict(settings)}
    # threads would count as memory, and one decodes as fast as a disk reads
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "facepipe.media.inspecting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        assert process.stdin is not None  # noqa: S101  a pipe was asked for
        with process.stdin as question:
            question.write(json.dumps(asked).encode())
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def _answers(
    process: subprocess.Popen[bytes],
    paths: Sequence[Path],
    settings: InspectionSettings,
    done: Sequence[int],
) -> Generator[dict[str, Any]]:
    """Its answers as they come; raises as `inspect_media` where none comes or memory is filled."""
    output: IO[bytes] = process.stdout  # pyright: ignore[reportAssignmentType]
    heard_s, rest = time.monotonic(), b""
    with selectors.DefaultSelector() as ready:
        ready.register(output, selectors.EVENT_READ)
        while True:
            if ready.select(_LOOK_EVERY_S):
                if not (piece := os.read(output.fileno(), 1 << 16)):
                    return
                heard_s = time.monotonic()
                *lines, rest = (rest + piece).split(b"\n")
                yield from (json.loads(line) for line in lines)
            elif time.monotonic() - heard_s > settings.stall_s:
                raise MediaError(
                    f"{paths[len(done)]}: no frame came for {settings.stall_s:g} s; it was given up"
                )
            if _memory_bytes(process.pid) > settings.memory_mb * _MIB:
                raise MediaError(f"{paths[len(done)]}: needs more than {settings.memory_mb} MiB")


def _memory_bytes(pid: int) -> int:
    """What a process holds in memory, where the system tells; else 0."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _ended(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"the decoder crashed on it ({name}); it is damaged, export it again"
    return f"the decoder gave up on it (exit {code}); it is damaged, export it again"
