"""Trials lie beside the pair's own adapter, are made once, and can take its place."""

import json
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pytest

from facepipe.defs import trials
from facepipe.defs.forgetting import delete_made
from facepipe.defs.names import TRIAL_STEP
from facepipe.defs.partitions import PAIR, pair_key
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store
from facepipe.defs.training import LORA_CODE, trained
from facepipe.errors import StoppedError
from facepipe.media.png import save_png
from facepipe.training.settings import LoraTrainingSettings

KEY, PARTITION = "pair/lora_checkpoint", pair_key("ada", "ben")


class Bench:
    """A pair whose training only counts and writes down, and can be stopped half way."""

    def __init__(self, root, instance) -> None:
        self.store, self.instance = Store(root=str(root)), instance
        self.device = Device(device="cpu", threads=1, precision="fp32")
        self.inputs = {"media": "m", "faces": "a"}
        self.began_at: list[int] = []
        self.stops = False

    def training(self, _store, _partition, settings):
        def train(scratch, out, **_where):
            done = scratch / "state" / "epochs"
            begun = int(done.read_text()) if done.is_file() else 0
            self.began_at.append(begun)
            done.parent.mkdir(exist_ok=True)
            done.write_text(str(begun + 1 if self.stops else settings.epochs))
            if self.stops:
                raise StoppedError("stopped; saved")
            (out / "state").mkdir()
            (out / "state" / "epochs").write_text(str(settings.epochs))
            row = {"epoch": settings.epochs, "loss": 0.5, "held_out_loss": 1 / settings.rank}
            (out / "history.jsonl").write_text(json.dumps(row))
            found = {"best_epoch": 1, "best_rule": "", "drawn": {}}
            (out / "evaluation.json").write_text(json.dumps(found))
            told = {"trainable_params": 1, "total_params": 4}
            (out / "telemetry.jsonl").write_text(json.dumps(told))
            save_png(out / "previews" / "epoch_0001.png", np.zeros((8, 8, 3), np.uint8))
            return SimpleNamespace(notes=[])

        return self.inputs, lambda: train

    def try_out(self, **settings):
        """Run a trial; what was told of it."""
        job = dg.Definitions(
            jobs=[trials.trial_job], resources={"store": self.store, "device": self.device}
        ).resolve_job_def("trial_job")
        result = job.execute_in_process(
            instance=self.instance,
            partition_key=PARTITION,
            run_config={"ops": {TRIAL_STEP: {"config": settings}}},
        )
        (told,) = result.asset_observations_for_node(TRIAL_STEP)
        assert told.asset_key == dg.AssetKey(KEY.split("/"))
        return {name: value.value for name, value in told.metadata.items()}

    def make(self, **settings):
        """Make the pair's own adapter; its data version."""

        @dg.asset(key=KEY.split("/"), partitions_def=PAIR, code_version=LORA_CODE)
        def own(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            chosen = LoraTrainingSettings(**settings)
            inputs, train = self.training(self.store, PARTITION, chosen)
            return trained(context, self.store, self.device, (inputs, chosen), train)

        result = dg.materialize([own], partition_key=PARTITION, instance=self.instance)
        (event,) = result.asset_materializations_for_node("pair__lora_checkpoint")
        return event.tags["dagster/data_version"]

    @property
    def published(self):
        place = self.store.place(KEY, PARTITION)
        return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("identity", ["ada"])
        instance.add_dynamic_partitions("target", ["ben"])
        bench = Bench(tmp_path, instance)
        monkeypatch.setattr(trials, "lora_training", bench.training)
        yield bench


def test_trials_leave_the_pairs_own_adapter_alone_and_lie_apart(bench):
    bench.make(rank=4)
    before = bench.published
    two, eight = bench.try_out(rank=2), bench.try_out(rank=8)
    assert bench.published == before
    asset = dg.AssetRecordsFilter(dg.AssetKey(KEY.split("/")))
    assert len(bench.instance.fetch_materializations(asset, limit=9).records) == 1
    assert two["folder"] != eight["folder"]
    assert (two["held_out_loss"], eight["held_out_loss"]) == (1 / 2, 1 / 8)


def test_what_a_trial_does_not_set_is_as_in_the_pairs_own(bench):
    bench.make(rank=4, dropout=0.3)
    assert bench.try_out(rank=2)["settings"]["dropout"] == 0.3
    assert bench.try_out(rank=2)["settings"]["rank"] == 2


def test_a_finished_trial_is_not_trained_again(bench):
    first = bench.try_out(rank=2)
    again = bench.try_out(rank=2)
    assert len(bench.began_at) == 1
    assert (first["reused"], again["reused"]) == (False, True)
    assert again["held_out_loss"] == first["held_out_loss"]


def test_a_stopped_trial_goes_on_though_others_were_finished_since(bench):
    bench.stops = True
    with pytest.raises(StoppedError):
        bench.try_out(rank=2)
    bench.stops = False
    bench.try_out(rank=8)
    bench.make(rank=4)
    bench.try_out(rank=2)
    assert bench.began_at == [0, 0, 0, 1]


def test_a_trial_becomes_the_pairs_own_without_training_and_in_the_same_bytes(bench):
    trial = bench.store.root + "/assets/pair/lora_checkpoint_trials/ada/ben"
    assert bench.try_out(rank=2, epochs=3)["folder"].startswith(trial)
    version = bench.make(rank=2, epochs=3)
    assert bench.began_at == [0]
    bench.instance.wipe_assets([dg.AssetKey(KEY.split("/"))])
    fresh = Bench(bench.store.root + "/fresh", bench.instance)
    assert fresh.make(rank=2, epochs=3) == version
    assert fresh.began_at == [0]


def test_what_is_the_pairs_own_already_is_not_trained_as_a_trial(bench):
    bench.make(rank=2)
    assert bench.try_out(rank=2)["held_out_loss"] == 1 / 2
    assert bench.began_at == [0]


def test_a_longer_trial_goes_on_from_the_longest_shorter_one_that_it_continues(bench):
    bench.make(rank=2, epochs=4)
    for epochs in (5, 9, 7):
        bench.try_out(rank=2, epochs=epochs)
    bench.try_out(rank=8, epochs=9)
    assert bench.began_at == [0, 4, 5, 5, 0]


def test_trials_of_what_is_no_longer_there_are_deleted(bench):
    old = bench.try_out(rank=2)["folder"]
    bench.stops = True
    with pytest.raises(StoppedError):
        bench.try_out(rank=8)
    bench.stops, bench.inputs = False, {"media": "m", "faces": "b"}
    new = bench.try_out(rank=2)["folder"]
    held = list(bench.store.place(trials.TRIALS, PARTITION).glob("*/*"))
    assert [str(path) for path in held] == [new]
    assert old != new
    left = bench.store.workplace(trials.TRIALS, PARTITION).rglob("epochs")
    assert not list(left)


def test_with_a_person_their_trials_are_removed(bench):
    for side, name in (("identity", "ada"), ("target", "ben")):
        bench.store.input_folder(side, name).mkdir(parents=True)
    folder = bench.store.place(trials.TRIALS, PARTITION)
    bench.try_out(rank=2)
    assert folder.is_dir()
    delete_made(bench.store, "target", "ben", 0)
    assert not folder.exists()
