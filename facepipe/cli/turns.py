"""What runs now, and whose turn it is on the training device."""

import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import dagster as dg
from dagster._core.execution.stats import StepEventStatus
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES
from sqlalchemy.exc import SQLAlchemyError

from facepipe.cli.processes import PROCESS_TAG, free_dead_slots, is_alive, own_process
from facepipe.defs.names import POOL, TRIAL_STEP, TRIALS
from facepipe.defs.progress import Listener

RUNNING, WAITING = "running", "waiting"
_ASK_EVERY_S = 2.0


@dataclass(frozen=True)
class Turn:
    """A step of a run in progress.

    Attributes:
        asset: the key it makes.
        partition: of which partition.
        state: running, or waiting for the device.
        process: that does it; empty where a run was not started by this command line.
        run: the run's id.
    """

    asset: str
    partition: str
    state: str
    process: str
    run: str

    @property
    def run_and_process(self) -> str:
        """By whom it is done, as a person reads it."""
        who = f", process {self.process.partition('-')[0]}" if self.process else ""
        return f"run {self.run[:8]}{who}"

    def __str__(self) -> str:
        return f"{self.asset}[{self.partition}] ({self.run_and_process})"


def turns(instance: dg.DagsterInstance) -> list[Turn]:
    """What each run does now; one whose process died does nothing."""
    found: list[Turn] = []
    for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES)):
        if is_alive(run):
            for stat in instance.get_run_step_stats(run.run_id):
                if stat.status is StepEventStatus.IN_PROGRESS:
                    found.append(_turn(run, stat.step_key, RUNNING))
    return [*found, *_waiting(instance)]


@contextmanager
def waits_told(instance: dg.DagsterInstance, listener: Listener) -> Generator[None]:
    """Within the block the listener hears when a run of this process waits for the device."""
    done = threading.Event()

    def watch() -> None:
        told: set[str] = set()
        # a database that cannot be read is said by the run itself
        with suppress(OSError, SQLAlchemyError):
            while not done.wait(_ASK_EVERY_S):
                for line in set(_waits(instance)) - told:
                    told.add(line)
                    listener.says(line)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _waits(instance: dg.DagsterInstance) -> list[str]:
    """A line for each step of this process that waits, and for whom; never for the dead."""
    mine = [turn for turn in _waiting(instance) if turn.process == own_process()]
    if not mine:
        return []
    free_dead_slots(instance)
    claimed = instance.event_log_storage.get_concurrency_info(POOL).claimed_slots
    holders = _known(instance, [(slot.run_id, slot.step_key) for slot in claimed], RUNNING)
    who = ", ".join(map(str, holders))
    return [f"{turn.asset}: waiting for the device, held by {who}" for turn in mine if who]


def _waiting(instance: dg.DagsterInstance) -> list[Turn]:
    """Those that asked for the device and did not get it."""
    steps = instance.event_log_storage.get_concurrency_info(POOL).pending_steps
    asked = [(step.run_id, step.step_key) for step in steps if not step.assigned_timestamp]
    return _known(instance, asked, WAITING)


def _known(
    instance: dg.DagsterInstance, steps: Iterable[tuple[str, str]], state: str
) -> list[Turn]:
    """The turns of steps, by run id and key, whose runs are in progress and alive."""
    runs = [(instance.get_run_by_id(run_id), step) for run_id, step in steps]
    return [
        _turn(run, step, state)
        for run, step in runs
        if run and not run.is_finished and is_alive(run)
    ]


def _turn(run: dg.DagsterRun, step: str, state: str) -> Turn:
    asset = TRIALS if step == TRIAL_STEP else step.replace("__", "/")
    partition = run.tags.get("dagster/partition", "")
    return Turn(asset, partition, state, run.tags.get(PROCESS_TAG, ""), run.run_id)
