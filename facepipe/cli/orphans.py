"""Work that nobody answers for: locks held by processes of no run, and runs of no process."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from facepipe.cli.processes import dead_runs
from facepipe.defs.storage import Store


def orphans(instance: dg.DagsterInstance, store: Store) -> Iterator[tuple[str, str]]:
    """What is wrong, and what to do, for each piece of such work."""
    running = instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    partitions = {run.tags.get("dagster/partition", "") for run in running}
    for lock in sorted(Path(store.root, ".work").rglob(".*.lock")):
        what, partition = _made(Path(store.root, ".work"), lock)
        if is_held(lock) and not any(partition.startswith(known) for known in partitions if known):
            process = holder(lock)
            who = f"process {process}" if process else "a process"
            stop = f"kill {process}" if process else "find it and end it"
            yield f"{what}[{partition}] is being made by {who}, which is no run of Dagster", stop
    for run in dead_runs(instance):
        made = run.tags.get("dagster/partition", run.job_name)
        yield f"run {run.run_id} of {made} has no process any more", "facepipe run frees its place"


def is_held(lock: Path) -> bool:
    """Whether a living process holds a lock file; one that died holds nothing."""
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def holder(lock: Path) -> int | None:
    """The number of the process that holds a lock, where the system tells."""
    table = Path("/proc/locks")
    if not table.is_file():
        return None
    found = lock.stat()
    wanted = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    for line in table.read_text().splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == wanted:
            return int(fields[4])
    return None


def _made(root: Path, lock: Path) -> tuple[str, str]:
    """The asset key and partition that a lock is of."""
    group, asset, *names = lock.relative_to(root).parts
    names[-1] = names[-1].removeprefix(".").removesuffix(".lock")
    return f"{group}/{asset}", "|".join(names)
