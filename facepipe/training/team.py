"""Several processes of this machine that do one training, and who watches over them.

torchrun starts them. They save and stop when the one who watches closes the pipe they listen to,
or is gone: a signal would give them half a minute, and a killed watcher would send none.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from facepipe import errors
from facepipe.errors import FacepipeError
from facepipe.files import write_whole
from facepipe.training.jobs import read_job
from facepipe.training.ranks import process_group
from facepipe.training.report import OnEpoch

_LOOK_EVERY_S = 0.5


class Team:
    """Processes that do the job in `folder`, as long as the block lasts.

    Args:
        folder: of the job; they leave word there.
        module: what each of them runs, with `folder` as its argument.
        count: how many there are to be.
        environment: variables they get besides this process's own.
    """

    def __init__(self, folder: Path, module: str, count: int, environment: dict[str, str]) -> None:
        self.folder, self.count = folder, count
        command = [
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            f"--nproc-per-node={count}", "-m", module, str(folder),
        ]  # fmt: skip
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, **_surroundings(count), **environment},
                start_new_session=True,  # Ctrl-C is for this process, which then asks them to stop
            )

    def __enter__(self) -> "Team":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()
        if kind is not None:
            self.process.kill()  # those it started notice, and end
        self.process.wait()

    def is_working(self) -> bool:
        """Whether they are at it."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask them to save and stop after the step they are at."""
        if self.process.stdin is not None:
            self.process.stdin.close()

    def notes(self) -> list[str]:
        """What was out of the ordinary, once they are done.

        Raises:
            FacepipeError: What one of them raised, or that one of them died.
        """
        paths = [_word_of(self.folder, rank) for rank in range(self.count)]
        words: list[dict[str, Any] | None] = [
            json.loads(path.read_text()) if path.is_file() else None for path in paths
        ]
        left = [word for word in words if word is not None]
        failed = sorted((word for word in left if word["text"]), key=lambda word: word["time"])
        for word in failed:
            if word["error"]:
                raise getattr(errors, word["error"])(word["text"])
        if len(left) < self.count:
            died = ", ".join(str(rank) for rank, word in enumerate(words) if word is None)
            raise FacepipeError(
                f"process {died} of {self.count} (from 0) died without a word, killed or out of "
                f"memory; the last saved state is kept: run the same again to go on from there "
                f"(what they wrote: {self.output})"
            )
        if failed:
            raise FacepipeError(f"{failed[0]['text']} (what they wrote: {self.output})")
        return left[0]["notes"]


def take_part(folder: Path, on_epoch: OnEpoch) -> int:
    """Do the job in `folder` as one of a team; the exit code."""
    rank, stop = int(os.environ["RANK"]), _stop_event()
    try:
        job, work = read_job(folder)
        work["on_epoch"], work["stop"] = on_epoch, stop.is_set
        with process_group(work["device"]):
            summary = job(**work)
            _leave_word(folder, rank, notes=summary.notes)
    except FacepipeError as error:
        _leave_word(folder, rank, error=type(error).__name__, text=str(error))
        return error.exit_code
    except Exception as error:
        _leave_word(folder, rank, text=f"process {rank}: {type(error).__name__}: {error}")
        raise
    return 0


def _stop_event() -> threading.Event:
    """Set by a signal, or by the end of the pipe; without who started this one it ends at once."""
    event = threading.Event()

    def note(_number: int, _frame: object) -> None:
        event.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher:
            if event.is_set():
                time.sleep(_LOOK_EVERY_S)
            elif select.select([0], [], [], _LOOK_EVERY_S)[0] and not os.read(0, 1):
                event.set()
        os._exit(FacepipeError.exit_code)

    threading.Thread(target=watch, daemon=True).start()
    return event


def _leave_word(
    folder: Path, rank: int, notes: list[str] | None = None, error: str = "", text: str = ""
) -> None:
    word = {"notes": notes or [], "error": error, "text": text, "time": time.time()}
    write_whole(_word_of(folder, rank), json.dumps(word))


def _word_of(folder: Path, rank: int) -> Path:
    return folder / f"process_{rank}.json"


def _surroundings(count: int) -> dict[str, str]:
    """They find this very package, share the cores, and listen to nobody outside this machine."""
    here = str(Path(errors.__file__).parents[1])
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")])),
        "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)),
        "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo",
        # DDP else tells each process of each training that all parameters are in use
        "TORCH_CPP_LOG_LEVEL": "ERROR",
    }
