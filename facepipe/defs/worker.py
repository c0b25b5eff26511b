"""One of several processes that train together: `python -m facepipe.defs.worker FOLDER`.

torchrun starts it. What the first of them tells goes through Dagster Pipes into the run that
waits for them; without such a run nobody is told.
"""

import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster_pipes


@contextmanager
def listener() -> Generator[Any]:
    """Whom to tell of each epoch; log lines of the same process go there too."""
    is_first = os.environ["RANK"] == "0"
    if not is_first or dagster_pipes.DAGSTER_PIPES_CONTEXT_ENV_VAR not in os.environ:
        yield _told_nobody
        return
    with dagster_pipes.open_dagster_pipes() as pipes:
        for handler in pipes.log.handlers:
            logging.getLogger("facepipe").addHandler(handler)

        def tell(report: Any) -> None:
            preview = str(report.preview) if report.preview else None
            pipes.report_custom_message({**asdict(report), "preview": preview})

        yield tell


def _told_nobody(_report: Any) -> None:
    return


def main(folder: Path) -> int:
    """Train; the exit code."""
    from facepipe.training.team import take_part

    with listener() as tell:
        return take_part(folder, tell)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
