"""Dagster's home and instance, made by whichever command needs them first."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dotenv import dotenv_values

from facepipe.cli.remembering import engines_kept
from facepipe.defs.storage import Store
from facepipe.files import write_whole
from facepipe.settings import dagster_home, data_root

DAGSTER_YAML = """\
# Written by facepipe; yours to change. Deleted, it is written anew; `facepipe doctor` compares.
telemetry: {enabled: false}       # nothing leaves this machine
nux: {enabled: false}             # no sign-up window over the lineage
concurrency:
  pools: {default_limit: 1, granularity: op}  # one training at a time on the device
  runs: {max_concurrent_runs: 4}  # what is no training is light
# A run whose process died is started again, and its training goes on from its last save; what
# failed with an error would fail again.
run_retries: {enabled: true, max_retries: 2, retry_on_asset_or_op_failure: false}
# A run that hangs while it starts or is cancelled is given up instead of keeping its place.
run_monitoring:
  enabled: true
  poll_interval_seconds: 10
  start_timeout_seconds: 300
  cancel_timeout_seconds: 180  # a training saves first
# What steps print, kept by helpers that Ctrl-C does not reach.
compute_logs: {module: facepipe.defs.compute_logs, class: UndisturbedComputeLogs}
# What sensors and schedules noted each time tells names; `facepipe sweep` drops old runs.
retention:
  schedule: {purge_after_days: 30}
  sensor: {purge_after_days: {skipped: 2, started: 30, success: 30, failure: 30}}
  auto_materialize: {purge_after_days: {skipped: 2, started: 30, success: 30, failure: 30}}
"""


# where reading fails in the middle SQLite takes the file for damaged
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ")


def read_dotenv() -> None:
    """Take what `.env` sets, but for Dagster's home where the caller chose another data root."""
    values = {name: value or "" for name, value in dotenv_values(".env").items()}
    chosen = os.environ.get("FACEPIPE_DATA")
    if chosen and data_root() != data_root(values):
        values.pop("DAGSTER_HOME", None)  # it belongs to the other data root
    for name, value in values.items():
        os.environ.setdefault(name, value)


def prepare_home() -> Path:
    """Make Dagster's home, and a `.env` that lets `dagster` and `dg` find it from here.

    Raises:
        SettingsError: `DAGSTER_HOME` is relative.
        StorageError: The home cannot be written.
    """
    home = dagster_home()
    if not (home / "dagster.yaml").is_file():
        write_whole(home / "dagster.yaml", DAGSTER_YAML)
    given = {"FACEPIPE_DATA", "DAGSTER_HOME"} & set(os.environ)
    os.environ["DAGSTER_HOME"] = str(home)
    if Path("workspace.yaml").is_file() and not Path(".env").exists() and not given:
        lines = {
            "DAGSTER_HOME": home,
            "FACEPIPE_DATA": data_root(),
        }
        write_whole(Path(".env"), "".join(f"{name}={value}\n" for name, value in lines.items()))
    return home


@contextmanager
def dagster_instance() -> Generator[dg.DagsterInstance]:
    """The persistent instance whose runs the UI shows."""
    prepare_home()
    with engines_kept(), dg.DagsterInstance.get() as instance:
        yield instance


def sqlite_error(error: BaseException) -> sqlite3.Error | None:
    """What SQLite said where Dagster's database fails, without the statement and its values."""
    cause: BaseException | None = getattr(error, "orig", error)
    return cause if isinstance(cause, sqlite3.Error) else None


def unreadable_history(error: BaseException) -> tuple[str, str] | None:
    """What is wrong, and what to do about it, where Dagster's database is damaged."""
    cause, home = sqlite_error(error), dagster_home()
    if not getattr(cause, "sqlite_errorname", "").startswith(_DAMAGED):
        return None
    return f"Dagster's database in {home} cannot be read ({cause})", (
        f"look at the disk; if it stays so, move {home / 'history'} and {home / 'schedules'} away "
        f"while nothing runs: the history of runs is lost, and what they made is used again"
    )


def store() -> Store:
    """The data root."""
    return Store(root=str(data_root()))
