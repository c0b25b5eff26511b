"""Runs whose process died: Dagster alone would keep their place on the device for ever."""

import os
from pathlib import Path

import dagster as dg
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

PROCESS_TAG = "facepipe/process"


def own_process() -> str:
    """This process, named so that a later one with the same number is not taken for it."""
    return f"{os.getpid()}-{_started(os.getpid())}"


def free_dead_slots(instance: dg.DagsterInstance) -> None:
    """Mark the runs of dead processes of this machine failed, and free the pool slots they hold."""
    for run in dead_runs(instance):
        instance.report_run_failed(run, "its process died; run again to go on")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that a command of this machine began, whose process is no more."""
    running = instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    return [run for run in running if not is_alive(run)]


def is_alive(run: dg.DagsterRun) -> bool:
    """Whether the process that does a run is there still, as far as the run names it."""
    number, _, started = run.tags.get(PROCESS_TAG, own_process()).partition("-")
    return _started(int(number)) == started


def _started(number: int) -> str:
    """When a process began, in clock ticks since boot, where the system tells; else if it is."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        pass
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return "gone"
    return "there"
