"""An asset that several processes train: followed while they do, and stopped with its run."""

import os
import shutil
import signal
import threading
import time

import dagster as dg
import pytest

from facepipe.defs.partitions import IDENTITY
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store
from facepipe.defs.training import trained
from facepipe.errors import StoppedError
from facepipe_tests.cli.granting import put_in
from facepipe_tests.training.conftest import TINY, same_result
from facepipe_tests.training.teams import Files

TINIER = type(TINY)(**{**vars(TINY), "epochs": 12, "preview_every": 6})


class Studio:
    """An asset made from drawn faces by two processes."""

    def __init__(self, folder, instance) -> None:
        (folder / "files" / "models").mkdir(parents=True)
        self.landmarker = folder / "files" / "models" / "face_landmarker.task"
        self.files, self.instance = Files(folder / "files"), instance
        self.folder = folder

    def run(self, name, **more):
        self.landmarker.write_bytes(b"damaged")  # it is refused, and does without: it takes long
        store = Store(root=str(self.folder / name))
        put_in(store, identity="alice")  # a model names its consents
        device = Device(device="cpu", threads=1, precision="fp32", processes=2)

        @dg.asset(key=["identity", "model"], partitions_def=IDENTITY, code_version="1")
        def model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            job = self.files.identity(TINIER)
            return trained(context, store, device, ({"media": "m"}, TINIER), lambda: job)

        result = dg.materialize([model], partition_key="alice", instance=self.instance, **more)
        return result, store


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("identity", ["alice"])
        yield Studio(tmp_path_factory.mktemp("studio"), instance)


@pytest.fixture(scope="module")
def made(studio):
    return studio.run("made")


@pytest.mark.slow  # torch is loaded four times
def test_the_run_hears_of_epochs_while_they_are_trained_and_publishes_the_result(studio, made):
    result, store = made
    assert result.success
    told = result.asset_observations_for_node("identity__model")
    entries = studio.instance.all_logs(result.run_id)
    when = {event.metadata["epoch"].value: event for event in told}
    assert 12 in when
    assert "preview" in when[12].metadata
    (event,) = result.asset_materializations_for_node("identity__model")
    assert event.metadata["epoch"].value == 12
    times: dict[str, float] = {}
    for entry in entries:
        if entry.is_dagster_event:
            times.setdefault(entry.dagster_event.event_type_value, entry.timestamp)
    assert times["ASSET_OBSERVATION"] < times["ASSET_MATERIALIZATION"]
    assert any("landmark errors will be missing" in entry.user_message for entry in entries)
    assert (store.place("identity/model", "alice") / "model.safetensors").is_file()


def stop_during(store, sent):
    """Send this process SIGTERM, as the UI's terminate does, once a first epoch is saved."""
    scratch = store.workplace("identity/model", "alice")
    ends = time.monotonic() + 100
    while time.monotonic() < ends:
        if [path for path in scratch.glob("scratch-*/state/0*") if int(path.name[:8]) >= 3]:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        time.sleep(0.005)


@pytest.mark.slow
def test_a_terminated_run_stops_them_all_and_the_next_goes_on_to_the_same_bytes(studio, made):
    sent: list[bool] = []
    store = Store(root=str(studio.folder / "stopped"))
    shutil.copytree(made[1].signing_keys(), store.signing_keys())  # what is signed depends on it
    stopper = threading.Thread(target=stop_during, args=(store, sent))
    stopper.start()
    with pytest.raises(StoppedError, match="stopped after step") as stopped:
        studio.run("stopped")
    stopper.join()
    assert sent
    assert stopped.value.exit_code == 130
    assert studio.run("stopped")[0].success
    places = [whose.place("identity/model", "alice") for whose in (store, made[1])]
    assert same_result(*places)
