"""What Dagster itself noted of a person who left goes too: ticks, cursors, prints and lines."""

import base64
import logging
import sqlite3
import zlib
from contextlib import closing

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from facepipe.defs.forgetting import forget
from facepipe.defs.run_logs import follow, logs_of
from facepipe_tests.defs.conftest import ADA, NOW

REPOSITORY = RemoteRepositoryOrigin(
    ManagedGrpcPythonEnvCodeLocationOrigin(LoadableTargetOrigin(module_name="facepipe")), "all"
)
SENSOR, SCHEDULE = InstigatorType.SENSOR, InstigatorType.SCHEDULE


def instigator(instance, name, kind, data):
    """A sensor or schedule that has run and keeps `data`."""
    origin = RemoteInstigatorOrigin(REPOSITORY, name)
    state = InstigatorState(origin, kind, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)
    return origin


def tick(instance, origin, kind, **told):
    """One tick of it, over and kept."""
    return instance.create_tick(
        TickData(
            origin.get_id(), origin.instigator_name, kind, TickStatus.SKIPPED,
            NOW.timestamp(), selector_id=origin.get_selector().get_id(), **told,
        )
    )  # fmt: skip


def packed(text):
    return "0" + base64.b64encode(zlib.compress(text.encode())).decode()


def only_the_tombstone(place, name="ada_k"):
    return [path.partition("/")[0] for path in place.tells_of(name)] == ["tombstones"]


def bytes_of(place, *words):
    """The files under the data root that hold any of some words."""
    return {
        path.name
        for path, content in place.everything()
        if any(word.encode() in content for word in words)
    }


def test_ticks_and_cursors_of_sensors_and_schedules_forget_the_person_and_keep_the_others(place):
    instance = place.instance
    sensor = instigator(instance, "media_folders", SENSOR, SensorInstigatorData(cursor="ada_k eve"))
    noted = packed('{"target": "ada_k"}')
    instigator(instance, "keep_in_sync", SENSOR, SensorInstigatorData(cursor=noted))
    schedule = instigator(instance, "nightly", SCHEDULE, ScheduleInstigatorData("0 3 * * *"))
    tick(instance, sensor, SENSOR, cursor="ada_k", run_keys=["ada_k|ben"])
    tick(instance, schedule, SCHEDULE, skip_reason="no video of ada_k")
    tick(instance, schedule, SCHEDULE, skip_reason="no video of eve")
    instance.run_storage.set_cursor_values({"daemon": noted, "other": packed("eve")})
    forget(instance, place.store, ADA, "revoked", NOW)
    assert only_the_tombstone(place)
    assert bytes_of(place, noted) == set()
    assert {state.name for state in instance.all_instigator_state()} == {
        "media_folders", "keep_in_sync", "nightly",
    }  # fmt: skip
    (kept,) = instance.get_ticks(schedule.get_id(), schedule.get_selector().get_id())
    assert kept.skip_reason == "no video of eve"
    assert set(instance.run_storage.get_cursor_values({"daemon", "other"})) == {"other"}


def test_what_a_sensor_printed_while_it_looked_goes(place):
    printed = place.instance.compute_log_manager
    for number, name in enumerate(("ada_k", "eve")):
        key = ["__repository__", "media_folders", str(number)]
        with printed.open_log_stream(key, ComputeIOType.STDERR) as stream:
            stream.write(f'{{"msg": "identity {name}: a copy in progress"}}\n')
    forget(place.instance, place.store, ADA, "revoked", NOW)
    assert only_the_tombstone(place)
    assert "1.err" in bytes_of(place, "a copy in progress")


def test_prints_and_logs_of_a_run_that_was_deleted_in_the_ui_before_go(place):
    runs = {run.tags["dagster/partition"]: run.run_id for run in place.instance.get_runs()}
    logs = logs_of(place.store.root)
    for name in ("ada_k", "eve"):
        log = logging.Logger(name)
        follow(log, logs, runs[name])
        log.info("making %s", name)
    place.instance.delete_run(runs["ada_k"])
    forget(place.instance, place.store, ADA, "revoked", NOW)
    assert only_the_tombstone(place)
    assert [runs["eve"] in path.name for path in logs.iterdir()] == [True]


@pytest.mark.parametrize("partition", [None, "eve"])
def test_an_error_of_another_run_that_names_the_person_goes_and_the_run_stays(place, partition):
    @dg.asset(key=["identity", "other"])
    def fails(context: dg.AssetExecutionContext) -> None:
        context.log.info("first line")
        raise ValueError("this consent is for\nada_k only")

    tags = {} if partition is None else {"dagster/partition": partition}
    done = dg.materialize([fails], instance=place.instance, raise_on_error=False, tags=tags)
    forget(place.instance, place.store, ADA, "revoked", NOW)
    assert only_the_tombstone(place)
    run = place.instance.get_run_by_id(done.run_id)
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert any(e.user_message == "first line" for e in place.instance.all_logs(done.run_id))


def test_no_table_of_dagster_is_left_unlooked_at(place):
    """A new Dagster may note more: then this fails, and somebody looks where it tells names."""
    forgotten = {
        "event_logs", "asset_event_tags", "asset_keys", "asset_check_executions",
        "dynamic_partitions", "runs", "run_tags", "bulk_actions", "backfill_tags", "kvs",
        "daemon_heartbeats", "job_ticks", "asset_daemon_asset_evaluations", "instigators", "jobs",
    }  # fmt: skip
    telling_nobody = {
        "alembic_version", "secondary_indexes", "instance_info", "snapshots",
        "concurrency_limits", "concurrency_slots", "pending_steps",
    }  # fmt: skip
    found = set()
    for file in place.root.glob(".dagster/**/*.db"):
        with closing(sqlite3.connect(file)) as base:
            asked = "SELECT name FROM sqlite_master WHERE type = 'table'"
            found |= {row[0] for row in base.execute(asked)}
    assert found == forgotten | telling_nobody
