"""`facepipe grid`: train a pair's adapter with every combination of some settings, and compare."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import dagster as dg
import typer
from rich.table import Table

from facepipe.cli.combinations import KEY, Combination, Grid, named, planned
from facepipe.cli.console import following, stderr, stdout
from facepipe.cli.make import SetOption
from facepipe.cli.processes import PROCESS_TAG, own_process
from facepipe.cli.running import Pair, both_sides, checked_device, checked_sides, run_config
from facepipe.cli.surroundings import dagster_instance
from facepipe.defs.progress import Listener
from facepipe.errors import DivergedError, SettingsError
from facepipe.settings import checked_name

GRID_TAG, COMBINATION_TAG = "facepipe/grid", "facepipe/combination"
"""The tags of each run: the grid it belongs to, and its settings there."""
_JOB, _STEP = "trial_job", "lora_trial"
_NOT_SHOWN = ("l1", "ssim", "lookup_px", "mask", "change")
"""The parts that the loss is made of, and what says little beside the likenesses."""


@dataclass(frozen=True)
class Outcome:
    """What came of a combination: its best weights on held-out faces, or why there are none.

    Attributes:
        combination: Its settings.
        numbers: What the best weights draw, by name; empty where the training failed.
        epoch: Which these weights are of.
        why: Of a failed training.
    """

    combination: Combination
    numbers: dict[str, float]
    epoch: int = 0
    why: str = ""


def register(app: typer.Typer) -> None:
    """Put this command into the application."""
    app.command("grid")(grid)


def grid(
    identity: str,
    target: str,
    assignments: SetOption,
    preset: Annotated[str | None, typer.Option(help="quick, production or maximum.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda, mps or cpu.")] = None,
) -> None:
    """Train a pair's adapter with every combination of settings and compare them.

    Give the settings to vary several values: --set pair/lora_checkpoint.rank=8,16,32. The pair's
    own adapter stays as it is; the command that replaces it by the best is printed at the end.
    Interrupted, the same command goes on, and skips what is finished.
    """
    checked_name(identity, "identity")
    checked_name(target, "target")
    wanted = planned(Pair(identity, target, device=checked_device(device)), assignments, preset)
    outcomes: list[Outcome] = []
    try:
        with dagster_instance() as instance, following() as listener:
            run_grid(instance, wanted, listener, outcomes)
    finally:
        if outcomes:
            stdout.print(table_of(wanted, outcomes), width=_width(), crop=False)
    best = best_of(outcomes)
    if best is None:
        raise DivergedError(f"no combination could be trained; the last: {outcomes[-1].why}")
    stdout.print("make the best the pair's own, without training it again:")
    stdout.print(wanted.command(best.combination), markup=False, highlight=False, soft_wrap=True)


def run_grid(
    instance: dg.DagsterInstance, wanted: Grid, listener: Listener, outcomes: list[Outcome]
) -> None:
    """Train one combination after the other, and add what came of each to `outcomes`.

    Each is a run in this process, which waits for its turn on the device as every training does.

    Raises:
        FacepipeError: What an asset raised, or an unknown identity or target.
    """
    combinations = wanted.combinations
    sides = checked_sides(wanted.pair)
    with both_sides(instance, wanted.pair, listener, sides) as loaded:
        job = loaded.resolve_job_def(_JOB)
        for number, combination in enumerate(combinations, start=1):
            _say(f"combination {number} of {len(combinations)}: {named(combination)}")
            outcomes.append(_tried(instance, job, wanted, combination))
            if outcomes[-1].why:
                _say(f"failed: {outcomes[-1].why}")


def _tried(
    instance: dg.DagsterInstance, job: dg.JobDefinition, wanted: Grid, combination: Combination
) -> Outcome:
    settings = wanted.settings(combination)[KEY]
    try:
        result = job.execute_in_process(
            instance=instance,
            partition_key=wanted.key,
            run_config=run_config({_STEP: settings}, wanted.pair.device),
            tags={
                PROCESS_TAG: own_process(),
                GRID_TAG: wanted.id,
                COMBINATION_TAG: named(combination),
            },
        )
    except (DivergedError, SettingsError) as error:  # of these settings, not of the others
        return Outcome(combination, {}, why=str(error))
    told = result.asset_observations_for_node(_STEP)[-1].metadata
    evaluation = json.loads(Path(str(told["folder"].value), "evaluation.json").read_text())
    return Outcome(combination, evaluation["drawn"], evaluation["best_epoch"])


def best_of(outcomes: list[Outcome]) -> Outcome | None:
    """The combination of the lowest held-out loss, the first of equals; none where all failed."""
    trained = [outcome for outcome in outcomes if not outcome.why]
    return min(trained, key=lambda outcome: outcome.numbers["loss"], default=None)


def table_of(wanted: Grid, outcomes: list[Outcome]) -> Table:
    """A row for each combination: its settings, and the numbers of its best weights."""
    best = best_of(outcomes)
    names = [name for name in (best.numbers if best else {}) if name not in _NOT_SHOWN]
    title = f"{wanted.pair.identity} → {wanted.pair.target}: on held-out faces"
    table = Table("", *wanted.varied, "epoch", title=title)
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    for outcome in outcomes:
        mark = "failed" if outcome.why else "best" if outcome is best else ""
        told = outcome.numbers
        numbers = [f"{told[name]:.4g}" if name in told else "" for name in names]
        table.add_row(mark, *outcome.combination.values(), str(outcome.epoch or ""), *numbers)
    return table


def _width() -> int:
    """A file takes the table as wide as it is."""
    return stdout.width if stdout.is_terminal else 200


def _say(line: str) -> None:
    stderr.print(line, markup=False, highlight=False, soft_wrap=True)
