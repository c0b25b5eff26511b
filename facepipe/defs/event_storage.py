"""Let Dagster's own storage forget a person or a target: runs, events, thumbnails, logs, names.

Runs go through Dagster's API. It has none for the events of one partition (its SQLite storage says
"not supported yet"), nor for what its automation noted; these rows are deleted in the files, which
are then written anew, so that no deleted thumbnail is left in a free page or a write-ahead log.
"""

import base64
import json
import re
import shutil
import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg

from facepipe.defs.partitions import PARTITIONS, SIDES, Side, sides_of
from facepipe.defs.run_logs import forget_log

_PARTITION_TAG = "dagster/partition"
_INDEX = "index.db"
_HISTORY = {
    "daemon_heartbeats": "body",
    "job_ticks": "tick_body",
    "asset_daemon_asset_evaluations": "asset_evaluation_body",
    "bulk_actions": "body",
    "kvs": "value",
}
"""What may tell of anybody in one of its columns; a row that does is history, and goes."""
_OWNED = {
    "run_tags": ("run_id", "SELECT run_id FROM runs"),
    "backfill_tags": ("backfill_id", "SELECT key FROM bulk_actions"),
}
"""Rows that Dagster leaves when what they belong to is deleted."""
_RESULTS = ("ASSET_MATERIALIZATION", "ASSET_OBSERVATION", "ASSET_CHECK_EVALUATION")
"""Events that say what was made of somebody; any other is a line of a log."""
_BUSY_S = 10


@dataclass(frozen=True)
class Whose:
    """What is to be forgotten: the partitions that show somebody.

    Attributes:
        side: Identity or target.
        name: Theirs.
        pairs: Partition keys of other people's pairs that show them as well.
    """

    side: Side
    name: str
    pairs: tuple[str, ...] = ()

    def shown_in(self, group: str, partition: str) -> bool:
        """Whether a partition of an asset group shows them."""
        return partition in self.pairs or (self.side, self.name) in sides_of(group, partition)


def forget_events(instance: dg.DagsterInstance, whose: Whose, logs: Path) -> tuple[int, list[str]]:
    """Delete what Dagster and `logs` keep of somebody; how many runs, and what was not reached."""
    run_ids, side, name = runs_of(instance, whose), whose.side, whose.name
    for run_id in run_ids:
        forget_run(instance, run_id, logs)
    instance.delete_dynamic_partition(PARTITIONS[side].name or side, name)
    _forget_cursors(instance, name)
    home = Path(instance.root_directory)
    _forget_printed(name, logs, home / "storage")
    files = sorted(home.glob("**/*.db"))
    if not any(file.name == _INDEX for file in files):
        return len(run_ids), ["Dagster's events lie in another database than SQLite: delete there"]
    left: list[str] = []
    known = frozenset(instance.get_run_ids())
    for file in files:
        try:
            _forget_in(file, whose, known)
        except sqlite3.OperationalError as error:
            left.append(
                f"{file}: {error}; close the UI and other runs, then give the same command again"
            )
    return len(run_ids), left


def runs_of(instance: dg.DagsterInstance, whose: Whose) -> list[str]:
    """The runs that worked on a person or target, alone or in a pair."""
    return [run.run_id for run in instance.get_runs() if _shows(instance, run, whose)]


def _shows(instance: dg.DagsterInstance, run: dg.DagsterRun, whose: Whose) -> bool:
    partition = run.tags.get(_PARTITION_TAG, "")
    if "|" in partition:
        return whose.shown_in("pair", partition)
    if partition != whose.name:
        return False
    groups = {key.path[0] for key in run.asset_selection or ()} | {run.job_name.partition("_")[0]}
    if groups.isdisjoint(SIDES):
        steps = instance.get_run_step_stats(run.run_id)
        groups = {step.step_key.partition("__")[0] for step in steps}
    return whose.side in groups or groups.isdisjoint(SIDES)


def forget_run(instance: dg.DagsterInstance, run_id: str, logs: Path) -> None:
    """Delete a run, its events, what its process printed, and its file in `logs`."""
    forget_log(logs, run_id)
    instance.delete_run(run_id)
    home = Path(instance.root_directory)
    shutil.rmtree(home / "storage" / run_id, ignore_errors=True)
    for file in home.glob(f"history/runs/{run_id}.db*"):
        file.unlink(missing_ok=True)


def _forget_in(file: Path, whose: Whose, run_ids: frozenset[str]) -> None:
    with closing(sqlite3.connect(file, timeout=_BUSY_S)) as base:
        base.create_function("tells", 1, partial(_tells, whose.name))
        tables = {row[0] for row in base.execute("SELECT name FROM sqlite_master")}
        with base:
            if "event_logs" in tables:
                _forget_lines(base, whose.name)
            if "asset_keys" in tables:
                _forget_partitions(base, whose, run_ids)
            for table, column in _HISTORY.items():
                if table in tables:
                    base.execute(f"DELETE FROM {table} WHERE tells({column})")  # noqa: S608  ours
            for table, (column, owner) in _OWNED.items():
                if table in tables:
                    base.execute(f"DELETE FROM {table} WHERE {column} NOT IN ({owner})")  # noqa: S608
        base.execute("VACUUM")
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _forget_lines(base: sqlite3.Connection, name: str) -> None:
    """Delete what other people's runs, and those of nobody, say of somebody: an error, mostly."""
    kept = ", ".join("?" * len(_RESULTS))
    base.execute(
        "DELETE FROM event_logs WHERE instr(event, ?) AND tells(event) "  # noqa: S608  ours
        f"AND coalesce(dagster_event_type, '') NOT IN ({kept})",
        (name, *_RESULTS),
    )


def _forget_partitions(base: sqlite3.Connection, whose: Whose, run_ids: frozenset[str]) -> None:
    """Delete every event of the partitions that show somebody, those without a run as well.

    The results of checks stay only of `run_ids`, the runs that are left.
    """
    asked = "SELECT DISTINCT asset_key, partition FROM event_logs WHERE partition IS NOT NULL"
    for key, partition in base.execute(asked).fetchall():
        if whose.shown_in(json.loads(key)[0], partition):
            which = (key, partition)
            base.execute("DELETE FROM event_logs WHERE asset_key = ? AND partition = ?", which)
            # what the UI shows of an asset as a whole
            newest = "UPDATE asset_keys SET last_materialization = NULL, last_run_id = NULL"
            base.execute(f"{newest} WHERE asset_key = ?", (key,))
    base.execute("DELETE FROM asset_event_tags WHERE event_id NOT IN (SELECT id FROM event_logs)")
    for (run_id,) in base.execute("SELECT DISTINCT run_id FROM asset_check_executions").fetchall():
        if run_id not in run_ids:
            base.execute("DELETE FROM asset_check_executions WHERE run_id = ?", (run_id,))
    base.execute("UPDATE asset_keys SET cached_status_data = NULL")


def _forget_cursors(instance: dg.DagsterInstance, name: str) -> None:
    """Let sensors that noted `name` look at everything anew."""
    for state in instance.all_instigator_state():
        data = state.instigator_data
        cursor = getattr(data, "cursor", None)
        if cursor and _tells(name, cursor):
            instance.update_instigator_state(state.with_data(data._replace(cursor=None)))  # type: ignore[union-attr]


def _forget_printed(name: str, *folders: Path) -> None:
    """Delete what told of somebody while it ran: ticks of sensors, and runs deleted in the UI."""
    for path in (path for folder in folders for path in folder.rglob("*")):
        if path.is_file() and _tells(name, path.read_bytes()):
            path.unlink(missing_ok=True)


def _unpacked(text: str) -> str:
    """What automation notes: a version digit, then base64 of what zlib made small."""
    try:
        return zlib.decompress(base64.b64decode(text[1:])).decode()
    except (ValueError, zlib.error):
        return ""


def _tells(name: str, text: str | bytes | None) -> bool:
    r"""Whether a text has `name` as a word of its own, also after a line's end told as JSON does.

    >>> [_tells("ada", text) for text in ("of ada: no", r"\nada", "nada", "ada-2", None)]
    [True, True, False, False, False]
    """
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text or ""
    word = rf"(?:(?<![a-z0-9_-])|(?<=\\[nrt])){name}(?![a-z0-9_-])"
    return any(re.search(word, each) for each in (plain, _unpacked(plain)))
