"""What is remembered for one command is true, costs nothing twice, and ends with it."""

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite import sqlite_event_log

from facepipe.cli.remembering import engines_kept, partitions_known

PEOPLE = dg.DynamicPartitionsDefinition(name="people")


@dg.asset(partitions_def=PEOPLE)
def first() -> None: ...


@dg.asset(partitions_def=PEOPLE, deps=[first])
def second() -> None: ...


@pytest.fixture
def instance(tmp_path):
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        instance.add_dynamic_partitions("people", ["alice"])
        yield instance


def logged(instance):
    """What a run over both assets leaves in the event log."""
    run = dg.materialize([first, second], partition_key="alice", instance=instance)
    kinds = [record.event_log_entry.dagster_event_type for record in records(instance, run)]
    return [kind for kind in kinds if kind is not None]


def records(instance, run):
    return instance.get_records_for_run(run.run_id).records


def test_a_run_leaves_the_same_events_with_few_engines_as_with_many(instance, monkeypatch):
    made = []
    create = sqlite_event_log.create_engine

    def counting(url, **options):
        made.append(url)
        return create(url, **options)

    monkeypatch.setattr(sqlite_event_log, "create_engine", counting)
    plain, many = logged(instance), len(made)
    made.clear()
    with engines_kept():
        kept = logged(instance)
    assert kept == plain
    assert "ASSET_MATERIALIZATION" in {kind.value for kind in kept}
    assert len(made) == len(set(made)) == 2  # the index and the run
    assert many > 50
    assert sqlite_event_log.create_engine is counting


def test_a_partition_is_asked_for_until_it_is_there_and_not_again(instance, monkeypatch):
    storage, asked = instance.event_log_storage, []
    ask = storage.has_dynamic_partition

    def asking(name, key):
        asked.append(key)
        return ask(name, key)

    monkeypatch.setattr(storage, "has_dynamic_partition", asking)
    with partitions_known(instance):
        found = [instance.has_dynamic_partition("people", "alice") for _ in range(3)]
        assert not instance.has_dynamic_partition("people", "bob")
        instance.add_dynamic_partitions("people", ["bob"])
        assert instance.has_dynamic_partition("people", "bob")
        assert not instance.has_dynamic_partition("others", "alice")
    assert found == [True] * 3
    assert asked == ["alice", "bob", "bob", "alice"]
    instance.delete_dynamic_partition("people", "alice")
    assert not instance.has_dynamic_partition("people", "alice")
