"""A training asset goes on from what was published where that is possible, and says so."""

import json

import dagster as dg
import pytest

from facepipe.defs.partitions import IDENTITY
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store
from facepipe.defs.training import trained
from facepipe.training.identity_model import train_identity
from facepipe_tests.cli.granting import put_in
from facepipe_tests.training.conftest import TINY


class Studio:
    """An asset that trains drawn faces, and what came of it."""

    def __init__(self, folder, instance, embedding) -> None:
        self.store = Store(root=str(folder))
        put_in(self.store, identity="alice")  # a model names its consents
        self.instance, self.embedding = instance, embedding

    def run(self, faces, faces_digest="a", **settings):
        chosen = type(TINY)(**{**vars(TINY), **settings})

        @dg.asset(key=["identity", "model"], partitions_def=IDENTITY, code_version="1")
        def model(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            def train(**where):
                return train_identity(faces, self.embedding, chosen, **where)

            inputs = {"media": "m", "faces": faces_digest}
            device = Device(device="cpu", threads=1)
            return trained(context, self.store, device, (inputs, chosen), lambda: train)

        result = dg.materialize([model], partition_key="alice", instance=self.instance)
        (event,) = result.asset_materializations_for_node("identity__model")
        notes = event.metadata.get("notes")
        return event.tags["dagster/data_version"], notes.value if notes else ""

    def history(self):
        lines = (self.store.place("identity/model", "alice") / "history.jsonl").read_text()
        return [json.loads(line) for line in lines.splitlines()]


@pytest.fixture
def studio(tmp_path, embeddings):
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("identity", ["alice"])
        yield lambda name: Studio(tmp_path / name, instance, embeddings[0])


def test_more_epochs_continue_what_was_published_and_equal_the_longer_training(studio, make_faces):
    grown, straight = studio("grown"), studio("straight")
    grown.run(make_faces())
    assert grown.run(make_faces(), epochs=4) == straight.run(make_faces(), epochs=4)


def test_other_faces_start_anew_and_the_note_names_them(studio, make_faces):
    one = studio("one")
    one.run(make_faces())
    version, notes = one.run(make_faces(seed=9), faces_digest="b")
    assert "starting anew, since this changed: faces; the 2 epochs" in notes
    assert (version, "") == studio("fresh").run(make_faces(seed=9), faces_digest="b")


def test_on_request_other_faces_continue_what_was_published(studio, make_faces):
    one = studio("one")
    one.run(make_faces(), epochs=4)
    _, notes = one.run(make_faces(seed=9), faces_digest="b", epochs=6, on_change="continue")
    assert "stage 2 goes on from step 9 with another faces" in notes
    assert [row.get("stage", 1) for row in one.history()] == [1, 1, 1, 2, 2, 2]


def test_how_a_change_was_met_is_no_part_of_the_recipe(studio, make_faces):
    one = studio("one")
    before, _ = one.run(make_faces())
    place = one.store.place("identity/model", "alice").stat().st_ino
    assert one.run(make_faces(), on_change="restart")[0] == before
    assert one.store.place("identity/model", "alice").stat().st_ino == place


def test_fewer_epochs_are_trained_anew_and_the_note_says_why(studio, make_faces):
    one = studio("one")
    one.run(make_faces(), epochs=4)
    _, notes = one.run(make_faces(), epochs=2)
    assert "since this changed: epochs; the 4 epochs published so far" in notes
    assert len(one.history()) == 2
