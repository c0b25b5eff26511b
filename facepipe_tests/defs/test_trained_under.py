"""What was trained under one profile is not used with that of another embedder."""

import json

import dagster as dg
import pytest
from PIL import Image

from facepipe.defs.inputs import consented_pair
from facepipe.defs.resources import Device
from facepipe.defs.storage import NotBuiltError, Store
from facepipe.defs.swapping import pair_swapped_video
from facepipe.defs.trained_under import own_model
from facepipe.defs.training import lora_training
from facepipe.training.settings import LoraTrainingSettings
from facepipe_tests.cli.granting import grant
from facepipe_tests.identity.test_mixing import person

PAIR_KEY = "ann|bob"
CHECKPOINT, ADAPTER, MODEL = "identity/checkpoint", "pair/lora_checkpoint", "pair/lora_onnx"


class Shelf:
    """A pair of which everything is published, as far as recipes tell."""

    def __init__(self, root) -> None:
        self.store = Store(root=str(root))
        for folder in (root / "identities/ann", root / "targets/bob"):
            folder.mkdir(parents=True)
            Image.new("RGB", (64, 64)).save(folder / "a.png")
            grant(folder)
        self.pair = consented_pair(self.store, PAIR_KEY, "train")
        for key in ("faces", "people", "smoothed_landmarks"):
            self.publish(f"target/{key}")
        self.publish("identity/faces")
        self.make_profile("1" * 64)
        self.publish(CHECKPOINT, profile=self.digest("identity/profile"))
        self.publish(ADAPTER, profile=self.digest("identity/profile"))
        self.publish(MODEL, lora_checkpoint=self.digest(ADAPTER))

    def place(self, key):
        names = {"identity": "ann", "target": "bob", "pair": PAIR_KEY}
        return self.store.place(key, names[key.split("/")[0]])

    def digest(self, key):
        return self.pair.get(key).digest

    def publish(self, key, digest="1", **inputs):
        folder = self.place(key)
        folder.mkdir(parents=True, exist_ok=True)
        side = {"identity": self.pair.identity, "target": self.pair.target, "pair": self.pair}
        recipe = {
            "inputs": {"media": side[key.split("/")[0]].digest, **inputs},
            "digest": f"{key} {digest}",
        }
        (folder / ".recipe.json").write_text(json.dumps(recipe))

    def make_profile(self, embedder):
        """Make the profile with the embedder of this hash."""
        place = self.place("identity/profile")
        place.mkdir(parents=True, exist_ok=True)
        person("ann", 1, sha256=embedder).save(place / "profile.json")
        self.publish("identity/profile", digest=embedder)


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def test_models_of_the_profile_that_is_there_are_used(shelf):
    inputs, _ = lora_training(shelf.store, PAIR_KEY, LoraTrainingSettings())
    assert inputs["checkpoint"] == shelf.digest(CHECKPOINT)
    profile = shelf.pair.get("identity/profile")
    assert own_model(shelf.pair, MODEL, profile) == shelf.pair.get(MODEL)


def test_no_adapter_is_trained_on_a_base_of_another_embedder(shelf):
    shelf.make_profile("2" * 64)
    with pytest.raises(NotBuiltError) as refusal:
        lora_training(shelf.store, PAIR_KEY, LoraTrainingSettings())
    said = str(refusal.value)
    assert "identity/checkpoint of ann|bob was trained under another profile" in said
    assert "made with builtin 1 (222222222222); run: facepipe run ann bob" in said
    assert "\n" not in said


def test_nothing_is_swapped_with_a_model_of_another_embedder(shelf):
    shelf.make_profile("2" * 64)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("identity", ["ann"])
        instance.add_dynamic_partitions("target", ["bob"])
        with pytest.raises(NotBuiltError, match=r"pair/lora_onnx of ann\|bob was trained under"):
            dg.materialize(
                [pair_swapped_video],
                partition_key=dg.MultiPartitionKey({"identity": "ann", "target": "bob"}),
                instance=instance,
                resources={"store": shelf.store, "device": Device(device="cpu")},
            )


def test_a_model_older_than_its_adapter_is_refused_whatever_that_was_trained_under(shelf):
    shelf.make_profile("2" * 64)
    shelf.publish(ADAPTER, digest="2", profile=shelf.digest("identity/profile"))
    profile = shelf.pair.get("identity/profile")
    with pytest.raises(NotBuiltError, match="trained under another profile"):
        own_model(shelf.pair, MODEL, profile)
