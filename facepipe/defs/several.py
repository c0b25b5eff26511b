"""A training by several processes, inside a run: started, followed live, and asked to stop."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg

_LOOK_EVERY_S = 0.2
_WORKER = "facepipe.defs.worker"


def trained_by_several(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    train: Any,
    where: Any,
    count: int,
) -> list[str]:
    """Let `count` processes train; what was out of the ordinary.

    Pipes' own client would tell of all epochs when the training is over, and would not hear that
    the run is asked to stop, so the session is held here.

    Args:
        context: The run.
        train: What to do, a `training.jobs.Job`.
        where: The keyword arguments of `training.identity_model.Work`.
        count: How many processes.

    Raises:
        SettingsError: There are fewer GPUs.
        FacepipeError: What one of the processes raised, or that one of them died.
    """
    from facepipe.training.jobs import write_job
    from facepipe.training.ranks import check_processes
    from facepipe.training.team import Team

    check_processes(where["device"], count)
    folder = where["scratch"].with_name("processes")
    shutil.rmtree(folder, ignore_errors=True)
    write_job(folder, train, where)
    # of an asset's own context Pipes asks what Dagster has deprecated
    step = getattr(context, "op_execution_context", context)
    session_of = dg.open_pipes_session(
        step, dg.PipesTempFileContextInjector(), dg.PipesTempFileMessageReader()
    )
    with session_of as session:
        environment = dict(session.get_bootstrap_env_vars())
        with Team(folder, _WORKER, count, environment) as team:
            told = 0
            while team.is_working():
                told = _tell(session, told, where["on_epoch"])
                if where["stop"]():
                    team.stop()
                time.sleep(_LOOK_EVERY_S)
    _tell(session, told, where["on_epoch"])
    return team.notes()


def _tell(session: dg.PipesSession, told: int, on_epoch: Callable[[Any], None]) -> int:
    """Pass on what has come since `told` messages; how many there are now."""
    from facepipe.training.report import EpochReport

    messages = session.get_custom_messages()
    for message in messages[told:]:
        told_of: dict[str, Any] = {**message}
        preview = told_of.pop("preview")
        on_epoch(EpochReport(**told_of, preview=Path(preview) if preview else None))
    return len(messages)
