"""Whoever waits for the device hears for whom, and nobody waits for the dead."""

import dagster as dg
import pytest
from dagster._core.storage.dagster_run import DagsterRunStatus

from facepipe.cli import turns as module
from facepipe.cli.console import Lines
from facepipe.cli.processes import PROCESS_TAG, own_process
from facepipe.cli.standing import standing
from facepipe.cli.turns import RUNNING, WAITING, turns, waits_told
from facepipe.defs.names import POOL
from facepipe.defs.storage import Store

ONE_AT_A_TIME = {"concurrency": {"pools": {"default_limit": 1, "granularity": "op"}}}
GONE = "999999999-1"


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("dagster"))
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.instance_for_test(temp_dir=folder, overrides=ONE_AT_A_TIME) as instance,
    ):
        patch.setattr(module, "_ASK_EVERY_S", 0.05)
        instance.add_dynamic_partitions("people", ["ben"])
        yield instance


@dg.asset(
    key=["pair", "lora_checkpoint"],
    pool=POOL,
    partitions_def=dg.DynamicPartitionsDefinition(name="people"),
)
def training(): ...


class Ears:
    """Hears that something waits, and does something about it."""

    def __init__(self, then):
        self.lines, self._then = [], then

    def says(self, line):
        self.lines.append(line)
        self._then()


def hold(instance, process):
    """Another run, in progress, that holds the device."""
    tags = {"dagster/partition": "ada", PROCESS_TAG: process}
    run = dg.DagsterRun("other_job", dg.DagsterRun("x").run_id, tags=tags)
    instance.add_run(run.with_status(DagsterRunStatus.STARTED))
    log = instance.event_log_storage
    log.initialize_concurrency_limit_to_default(POOL)
    claimed = log.claim_concurrency_slot(POOL, run.run_id, "identity__checkpoint")
    assert claimed.is_claimed
    return run.run_id


def train(instance):
    dg.materialize(
        [training], instance=instance, partition_key="ben", tags={PROCESS_TAG: own_process()}
    )


def test_a_run_that_waits_says_once_for_whom_and_goes_on_when_it_is_its_turn(instance, capsys):
    holder = hold(instance, own_process())
    seen = []

    def end():
        seen.extend(turns(instance))
        instance.report_run_canceled(instance.get_run_by_id(holder))
        instance.event_log_storage.free_concurrency_slots_for_run(holder)

    ears = Ears(end)
    with waits_told(instance, ears):
        train(instance)
    process = own_process().partition("-")[0]
    assert ears.lines == [
        "pair/lora_checkpoint: waiting for the device, held by "
        f"identity/checkpoint[ada] (run {holder[:8]}, process {process})"
    ]
    assert [(turn.asset, turn.partition, turn.state) for turn in seen] == [
        ("pair/lora_checkpoint", "ben", WAITING)
    ]
    capsys.readouterr()
    Lines().says(ears.lines[0])
    assert capsys.readouterr().err == ears.lines[0] + "\n"


def test_nobody_waits_for_a_process_that_died(instance):
    hold(instance, GONE)
    ears = Ears(lambda: None)
    with waits_told(instance, ears):
        train(instance)
    assert ears.lines == []


def test_nothing_is_said_while_nothing_waits(instance):
    ears = Ears(lambda: None)
    with waits_told(instance, ears):
        train(instance)
    assert ears.lines == []
    assert turns(instance) == []


def test_the_status_tells_what_runs_now_with_its_run_and_process(instance, tmp_path):
    seen = []

    @dg.asset(key=["identity", "checkpoint"])
    def looking(context: dg.AssetExecutionContext):
        seen.extend(standing(context.instance, Store(root=str(tmp_path)), None, None))

    dg.materialize([looking], instance=instance, tags={PROCESS_TAG: own_process()})
    (row,) = seen
    assert (row.asset, row.state) == ("identity/checkpoint", RUNNING)
    assert row.why.endswith(f", process {own_process().partition('-')[0]}")
