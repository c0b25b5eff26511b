"""Whose time is over is deleted, nobody else, and runs only when nothing of theirs is left."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from facepipe.defs.retention import due, forget_old_runs, retention, sweep
from facepipe.defs.storage import Store
from facepipe.errors import SettingsError
from facepipe.provenance.consent import new_consent, revoke, write_consent
from facepipe.provenance.tombstones import Tombstone
from facepipe.settings import retention_days

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return Store(root=str(tmp_path))


def put_in(store, name, *, expires=365, retention_days=None, revoked=False, side="identity"):
    """A person whose consent was granted a hundred days ago."""
    folder = store.input_folder(side, name)
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(name.encode())
    granted = NOW - timedelta(days=100)
    record = new_consent(
        subject=name, granted_by=name, scope=["train"], granted_at=granted, contact="there",
        expires_at=granted + timedelta(days=expires), media=[folder / "a.png"],
        retention_days=retention_days,
    )  # fmt: skip
    write_consent(revoke(record, NOW) if revoked else record, folder / "consent.json")


def test_whose_time_is_over_is_due_and_why(store):
    put_in(store, "stays")
    put_in(store, "expired", expires=100)
    put_in(store, "kept_short", retention_days=99)
    put_in(store, "kept_longer", retention_days=101)
    put_in(store, "taken_back", revoked=True, side="target")
    put_in(store, "no_record")
    (store.input_folder("identity", "no_record") / "consent.json").unlink()
    store.tombstones().put(Tombstone(side="target", name="half_gone", why="removed", at=NOW))
    found = {one.name: (one.why, one.reason) for one in due(store, NOW, None)}
    assert found == {
        "expired": ("expired", "its consent ended on 2026-06-01"),
        "kept_short": ("expired", "its consent ended on 2026-05-31"),
        "taken_back": ("revoked", "its consent was revoked on 2026-06-01"),
        "half_gone": ("removed", "its deletion was begun on 2026-06-01"),
    }
    assert {one.name for one in due(store, NOW, 100)} - found.keys() == {"stays", "kept_longer"}


def test_sweeping_deletes_and_leaves_a_tombstone_that_blocks_nothing(store):
    put_in(store, "expired", expires=100)
    with dg.instance_for_test() as instance:
        (done,) = sweep(instance, store, due(store, NOW, None), NOW)
    assert not store.input_folder("identity", "expired").exists()
    assert (done.stone.why, done.stone.media, done.stone.finished) == ("expired", (), True)
    assert due(store, NOW, None) == []


def test_a_run_is_forgotten_only_when_something_newer_stands_in_its_place(tmp_path):
    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def thing() -> None: ...

    with dg.instance_for_test() as instance:
        ids = [
            dg.materialize([thing], partition_key=key, instance=instance).run_id
            for key in ("a", "b", "a")
        ]
        assert forget_old_runs(instance, datetime(2020, 1, 1, tzinfo=UTC), tmp_path) == 0
        assert forget_old_runs(instance, datetime(2100, 1, 1, tzinfo=UTC), tmp_path) == 1
        assert set(instance.get_run_ids()) == set(ids[1:])
        assert instance.get_materialized_partitions(dg.AssetKey("thing")) == {"a", "b"}


def test_the_schedule_is_off_until_somebody_turns_it_on():
    assert retention.default_status is dg.DefaultScheduleStatus.STOPPED


def test_days_are_a_number_from_one_up():
    assert retention_days({}) is None
    assert retention_days({"FACEPIPE_RETENTION_DAYS": "30"}) == 30
    for wrong in ("0", "-1", "a month"):
        with pytest.raises(SettingsError, match="FACEPIPE_RETENTION_DAYS"):
            retention_days({"FACEPIPE_RETENTION_DAYS": wrong})
