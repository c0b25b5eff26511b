"""One log file for each run in `logs/`: what it said and how it ended, for whoever asks later.

The files tell names, numbers and errors; no pictures, no embeddings, no passwords. They are bounded
in size and number, and go with the run when its person is deleted.
"""

import logging
import re
from datetime import UTC, datetime
from pathlib import Path

_MOST_FILES = 200
_MOST_BYTES = 2_000_000
_MOST_CHARACTERS = 2000
_SECRETS = (
    (re.compile(r"(\w+://)[^/\s@]+@"), r"\1***@"),
    (
        re.compile(
            r"""(?i)\b(token|passw(?:or)?d|secret|api_?key)(["']?\s*[=:]\s*["']?)[^\s,;&"']+"""
        ),
        r"\1\2***",
    ),
    (re.compile(r"(?i)\b(bearer|basic) [\w.~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"[A-Za-z0-9+/]{200,}={0,2}"), "***"),
)


class RunLog(logging.Handler):
    """Appends each line of a run to its file, opened anew each time: a kill loses nothing."""

    def __init__(self, folder: Path, run_id: str) -> None:
        super().__init__(logging.INFO)
        self._place = _place(folder, run_id)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; a log that cannot be written never stops the work it tells of."""
        try:
            moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
            line = f"{moment} {record.levelname} {without_secrets(record.getMessage())}\n"
            if not self._place.exists() or self._place.stat().st_size < _MOST_BYTES:
                with self._place.open("a") as file:
                    file.write(line)
        except OSError:
            return  # what filled the disk is said by the work itself


def logs_of(root: str) -> Path:
    """The folder of the logs of a data root."""
    return Path(root, "logs")


def follow(log: logging.Logger, folder: Path, run_id: str) -> None:
    """Let a run's log manager write to the run's file from now on, once."""
    if not any(isinstance(handler, RunLog) for handler in log.handlers):
        folder.mkdir(parents=True, exist_ok=True)
        log.addHandler(RunLog(folder, run_id))


def forget_log(folder: Path, run_id: str) -> None:
    """Delete the file of a run."""
    for path in folder.glob(f"*-{run_id}.log"):
        path.unlink(missing_ok=True)


def without_secrets(text: str) -> str:
    r"""One line of a text, cut, without what looks like a password, a token or packed data.

    >>> without_secrets("fetch https://ada:pw@host/x?token=abc\nnow")
    'fetch https://***@host/x?token=*** now'
    """
    line = " ".join(text.split())[:_MOST_CHARACTERS]
    for pattern, shown in _SECRETS:
        line = pattern.sub(shown, line)
    return line


def _place(folder: Path, run_id: str) -> Path:
    """The file of a run; making room for a new one drops the oldest."""
    known = sorted(folder.glob("*.log"))
    mine = [path for path in known if path.name.endswith(f"-{run_id}.log")]
    if mine:
        return mine[0]
    for path in known[: max(0, len(known) - _MOST_FILES + 1)]:
        path.unlink(missing_ok=True)
    return folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{run_id}.log"
