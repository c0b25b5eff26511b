"""The command line: talks to Dagster and to the rooms, and turns errors into exit codes."""

import signal
import sys
from collections.abc import Sequence

INTERRUPTED = 130
INTERRUPTED_SAID = "interrupted; run the same command again to go on"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code (design: 0, 1, 2, 3, 4, 130)."""
    # a service manager's way to stop is taken as Ctrl-C, whatever is being done
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from facepipe.cli.app import run  # takes a second
    except KeyboardInterrupt:
        sys.stderr.write(f"error: {INTERRUPTED_SAID}\n")
        sys.exit(INTERRUPTED)
    sys.exit(run(arguments))


__all__ = ["main"]
