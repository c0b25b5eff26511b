"""Break work off, again and again: `LD_PRELOAD=… python -m facepipe_tests.crashing`.

Arguments: FOLDER MODELS SEED, and `KIND=COUNT` for each fault; `command-SIGKILL` and so on end the
command as its own process, with all that it started. Started by `trials`. Prints a line of JSON for
each; a process of its own, since it forks and nothing may have begun to work before that.
"""

import itertools
import json
import os
import sys
from pathlib import Path

from facepipe_tests.crashing.points import Workbench
from facepipe_tests.crashing.works import DATA, WORKS, loaded


def main(folder: Path, models: Path, seed: int, asked: list[str]) -> None:
    """So many of each fault, the kinds of work in turn; those that came too late not counted."""
    os.umask(0o077)
    loaded(folder / DATA)
    bench = Workbench(folder, models)
    works = itertools.cycle(WORKS)
    for kind, count in [one.split("=") for one in asked]:
        numbers, broken = itertools.count(seed), 0
        while broken < int(count):
            found = bench.broken(*bench.drawn(next(works), kind, next(numbers)))
            broken += found.is_broken
            sys.stdout.write(json.dumps(found.as_row()) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
