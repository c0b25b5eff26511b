"""Work that nobody answers for is named, with whose process it is and what to do."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import dagster as dg
import pytest
import yaml

from facepipe.cli import doctor
from facepipe.cli.orphans import holder, is_held, orphans
from facepipe.cli.processes import PROCESS_TAG
from facepipe.cli.surroundings import DAGSTER_YAML
from facepipe.defs.storage import Store
from facepipe.provenance.tombstones import Tombstone
from facepipe_tests.defs.test_retention import NOW

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "w"); fcntl.flock(file, fcntl.LOCK_EX); print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path):
    return Store(root=str(tmp_path))


@pytest.fixture
def lock(tmp_path):
    lock = tmp_path / ".work" / "identity" / "checkpoint" / ".ada.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    return lock


@pytest.fixture
def trainer(lock):
    """A process that holds the lock, as a trainer whose run is gone."""
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process
        process.stdin.close()


def run_of(instance, partition, process):
    tags = {"dagster/partition": partition, PROCESS_TAG: process}
    run = dg.DagsterRun(job_name="j", tags=tags, status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)


def test_a_trainer_of_no_run_is_named_with_its_process(store, lock, trainer):
    with dg.DagsterInstance.ephemeral() as instance:
        ((what, fix),) = orphans(instance, store)
        assert what.startswith("identity/checkpoint[ada] is being made by process")
        assert fix == f"kill {trainer.pid}"
        assert holder(lock) == trainer.pid
        run_of(instance, "ada", "1-gone")
        assert [what.split()[0] for what, _ in orphans(instance, store)] == ["run"]


def test_the_lock_of_a_dead_process_is_no_work(store, lock, trainer):
    assert is_held(lock)
    trainer.kill()
    trainer.wait()
    assert not is_held(lock)
    with dg.DagsterInstance.ephemeral() as instance:
        assert list(orphans(instance, store)) == []


def test_dagster_takes_the_settings_that_are_written(tmp_path):
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_retries_enabled
        assert instance.run_monitoring_enabled
        assert not instance.get_settings("run_retries")["retry_on_asset_or_op_failure"]
        assert instance.get_concurrency_config().pool_config.default_pool_limit == 1


def test_the_doctor_says_that_dagsters_database_cannot_be_read(store, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    (tmp_path / ".dagster/history").mkdir(parents=True)
    (tmp_path / ".dagster/dagster.yaml").write_text(DAGSTER_YAML)
    (tmp_path / ".dagster/history/runs.db").write_bytes(b"nothing of SQLite's" * 99)
    finding = doctor._orphans(store)
    assert not finding.fine
    assert "file is not a database" in finding.found
    assert str(tmp_path / ".dagster/history") in finding.fix


def test_the_doctor_does_not_take_a_busy_database_for_a_damaged_one(store, tmp_path, monkeypatch):
    def busy(*_given):
        with closing(sqlite3.connect(tmp_path / "a.db")) as one:
            one.execute("BEGIN EXCLUSIVE")
            with closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as other:
                other.execute("BEGIN EXCLUSIVE")

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    (tmp_path / ".dagster").mkdir()
    (tmp_path / ".dagster/dagster.yaml").write_text(DAGSTER_YAML)
    monkeypatch.setattr(doctor, "orphans", busy)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        doctor._orphans(store)


def test_the_doctor_names_changed_settings_open_folders_and_unfinished_deletions(
    store, tmp_path, monkeypatch
):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    (tmp_path / ".dagster").mkdir(mode=0o700)
    place = tmp_path / ".dagster" / "dagster.yaml"
    place.write_text(DAGSTER_YAML)
    looks = (doctor._settings, lambda: doctor._private(tmp_path), lambda: doctor._deletions(store))
    assert all(look().fine for look in looks)
    place.write_text(yaml.safe_dump({**yaml.safe_load(DAGSTER_YAML), "retention": {}}))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets").chmod(0o755)
    store.tombstones().put(Tombstone(side="identity", name="ada", why="revoked", at=NOW))
    found = [look() for look in looks]
    assert not any(finding.fine for finding in found)
    assert "retention" in found[0].found
    assert f"chmod -R go-rwx {tmp_path / 'assets'}" in found[1].fix
    assert "identity ada" in found[2].found
