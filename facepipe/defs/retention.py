"""What has had its time: people whose consent ended or whose days are over, and old runs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from facepipe.defs.event_storage import forget_run
from facepipe.defs.forgetting import Forgotten, forget
from facepipe.defs.inputs import CONSENT_FILE
from facepipe.defs.partitions import SIDES, Side
from facepipe.defs.run_logs import logs_of
from facepipe.defs.storage import Store
from facepipe.defs.telling import newest_event
from facepipe.errors import FacepipeError
from facepipe.provenance.consent import Consent, read_consent
from facepipe.provenance.tombstones import Why
from facepipe.settings import retention_days

RUN_DAYS = 90
"""How long a run is kept that made nothing of what is there now."""
_OVER = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass(frozen=True)
class Due:
    """Somebody whose data are to be deleted.

    Attributes:
        side: Identity or target.
        name: Of the input folder.
        reason: In words.
        why: As the tombstone will say it.
    """

    side: Side
    name: str
    reason: str
    why: Why = "expired"


def due(store: Store, now: datetime, days: int | None) -> list[Due]:
    """Whose data are to be deleted `now`, where none may stay longer than `days`, if given.

    A deletion that was begun and not finished is due as well. A folder without a readable record is
    not: nothing is made of it, and its owner may be about to put the record there.
    """
    found = [
        Due(stone.side, stone.name, f"its deletion was begun on {stone.at:%Y-%m-%d}", stone.why)
        for stone in store.tombstones()
        if not stone.finished
    ]
    for side in SIDES:
        for name in store.input_names(side):
            try:
                record = read_consent(store.input_folder(side, name) / CONSENT_FILE)
            except FacepipeError:
                continue
            reason = _reason(record, now, days)
            if reason and not any((one.side, one.name) == (side, name) for one in found):
                why: Why = "revoked" if record.revoked_at else "expired"
                found.append(Due(side, name, reason, why))
    return found


def _reason(record: Consent, now: datetime, days: int | None) -> str:
    if record.revoked_at is not None:
        return f"its consent was revoked on {record.revoked_at:%Y-%m-%d}"
    if record.ends_at <= now:
        return f"its consent ended on {record.ends_at:%Y-%m-%d}"
    if days is not None and record.granted_at + timedelta(days=days) <= now:
        return f"it was granted on {record.granted_at:%Y-%m-%d}, more than {days} days ago"
    return ""


def sweep(
    instance: dg.DagsterInstance, store: Store, found: list[Due], now: datetime
) -> list[Forgotten]:
    """Delete whom `due` found; raises as `forget`."""
    return [forget(instance, store, (one.side, one.name), one.why, now) for one in found]


def forget_old_runs(instance: dg.DagsterInstance, before: datetime, logs: Path) -> int:
    """Delete runs that ended before, but for those whose results are there still; how many.

    The newest run of each asset's partition stays, however old: the UI shows what it told.
    """
    old = instance.get_runs(dg.RunsFilter(statuses=list(_OVER), created_before=before))
    gone = [run.run_id for run in old if not _is_newest(instance, run.run_id)]
    for run_id in gone:
        forget_run(instance, run_id, logs)
    return len(gone)


def _is_newest(instance: dg.DagsterInstance, run_id: str) -> bool:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.dagster_event
        made = event.step_materialization_data.materialization if event else None
        if made is not None and made.partition is not None:
            newest = newest_event(instance, made.asset_key, made.partition)
            if newest is not None and newest.tags == made.tags and newest == made:
                return True
    return False


@dg.op(
    description="Deletes people whose consent or days are over, and old runs.",
    out=dg.Out(dg.Nothing),
)
def sweep_data(context: dg.OpExecutionContext, store: Store) -> None:
    """See `description` above."""
    now = datetime.now(UTC)
    for done in sweep(context.instance, store, due(store, now, retention_days()), now):
        stone = done.stone
        context.log.info("%s deleted: %d folders, %d runs", stone.side, done.folders, done.runs)
        for line in done.left:
            context.log.warning("left: %s", line)
    forget_old_runs(context.instance, now - timedelta(days=RUN_DAYS), logs_of(store.root))


@dg.job(description="Deletes whose time is over, and old runs.")
def sweep_job() -> None:
    """See `description` above."""
    sweep_data()


retention = dg.ScheduleDefinition(
    name="retention",
    job=sweep_job,
    cron_schedule="30 2 * * *",
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Each night deletes whose consent ended or whose days are over. Off at first.",
)
