"""From a target's faces to its occluder, under its consent; and which one a swap looks with."""

import json
from dataclasses import replace

import cv2
import dagster as dg
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from facepipe.defs import occlusion_general
from facepipe.defs.inputs import consented_media, consented_pair
from facepipe.defs.occlusion import (
    occluder_of,
    target_occlusion_masks,
    target_xseg_checkpoint,
    target_xseg_onnx,
)
from facepipe.defs.resources import Device
from facepipe.defs.storage import NotBuiltError, Store
from facepipe.errors import BadInputError
from facepipe.inference.lock import read_lock
from facepipe.inference.models import register_model
from facepipe.landmarks.alignment import FACE_PX
from facepipe.landmarks.tracks import Landmarks
from facepipe.occlusion.labels import FACE
from facepipe.occlusion.occluder import Occluder
from facepipe.training import occluder_settings
from facepipe.training.occluder_settings import OccluderTrainingSettings
from facepipe_tests.cli.granting import grant
from facepipe_tests.occlusion.by_hand import colour_file
from facepipe_tests.training.conftest import people_faces

ASSETS = [target_occlusion_masks, target_xseg_checkpoint, target_xseg_onnx]
QUICK = {"epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "width": 8, "drawn_people": 0}


class Studio:
    """A target of one picture whose faces are published."""

    def __init__(self, root) -> None:
        self.root, self.store = root, Store(root=str(root))
        for folder in (root / "identities/ann", root / "targets/bob"):
            folder.mkdir(parents=True)
            Image.new("RGB", (FACE_PX, FACE_PX)).save(folder / "a.png")
            grant(folder)
        self.digest = consented_media(self.store, "target", "bob", "train").digest
        faces = replace(people_faces(), sources=("a.png",))
        faces.save(self.publish("target/faces"), pd.DataFrame())
        count = len(faces)
        Landmarks(
            points_px=faces.points_px[:, None],
            score=np.ones((count, 1), np.float32),
            track_id=faces.track_id[:, None],
            bridged=np.zeros((count, 1), bool),
            source=np.zeros(count, np.int32),
            frame_index=np.arange(count, dtype=np.int32),
            pts_s=np.arange(count, dtype=np.float32),
            scene=np.zeros(count, np.int32),
            size_wh=np.full((count, 2), FACE_PX, np.int32),
            time_base=np.array([[1, 30]], np.int32),
            sources=("a.png",),
        ).save(self.publish("target/smoothed_landmarks") / "landmarks.npz")

    def publish(self, key):
        folder = self.store.place(key, "bob")
        folder.mkdir(parents=True)
        recipe = {"inputs": {"media": self.digest}, "digest": key}
        (folder / ".recipe.json").write_text(json.dumps(recipe))
        return folder

    def run(self, instance, *assets):
        return dg.materialize(
            assets,
            partition_key="bob",
            instance=instance,
            resources={"store": self.store, "device": Device(device="cpu", threads=1)},
            run_config={"ops": {"target__xseg_checkpoint": {"config": QUICK}}}
            if target_xseg_checkpoint in assets
            else {},
            raise_on_error=False,
        )


@pytest.fixture
def studio(tmp_path):
    return Studio(tmp_path)


@pytest.fixture
def instance():
    with dg.instance_for_test() as found:
        found.add_dynamic_partitions("target", ["bob"])
        yield found


def test_faces_become_an_occluder_that_the_swap_can_look_with(studio, instance):
    assert studio.run(instance, *ASSETS).success
    labels = sorted(studio.store.place("target/occlusion_masks", "bob").glob("labels/*.png"))
    assert len(labels) == len(people_faces())
    pair = consented_pair(studio.store, "ann|bob", "swap")
    path, inputs = occluder_of(pair, "target")
    assert path is not None
    assert set(inputs) == {"xseg_onnx"}
    shares = Occluder(path, "cpu", 1).shares(np.zeros((256, 256, 3), np.uint8))
    assert shares.min() >= 0


def test_painted_masks_come_first_and_make_the_labels_anew(studio, instance):
    assert studio.run(instance, target_occlusion_masks).success
    masks = studio.root / "targets/bob/masks"
    masks.mkdir()
    white = np.full((FACE_PX, FACE_PX), 255, np.uint8)
    cv2.imwrite(str(masks / "mask_frame_000000.png"), white)
    assert studio.run(instance, target_occlusion_masks).success
    place = studio.store.place("target/occlusion_masks", "bob")
    first, other = (
        cv2.imread(str(place / f"labels/{row:06d}.png"), cv2.IMREAD_GRAYSCALE) for row in (0, 1)
    )
    assert (first[40:280, 40:280] == FACE).all()
    assert (other == 0).any()


def test_without_consent_to_training_no_occluder_is_trained(studio, instance):
    assert studio.run(instance, target_occlusion_masks).success
    grant(studio.root / "targets/bob", scope=("swap",))
    assert not studio.run(instance, target_xseg_checkpoint).success
    assert not studio.store.place("target/xseg_checkpoint", "bob").exists()


def test_the_general_one_is_registered_and_others_start_from_it(studio, instance, monkeypatch):
    def quick(**given):
        return OccluderTrainingSettings(**{**QUICK, **given, "drawn_people": 1})

    monkeypatch.setattr(occluder_settings, "OccluderTrainingSettings", quick)
    path = occlusion_general.train_general(studio.store, 1)
    assert occlusion_general.general_model(studio.store) == path
    assert read_lock(studio.store.models())["occluder"].licence.endswith("drawn people alone")
    assert (occlusion_general.general_folder(studio.store) / "occluder.safetensors").is_file()
    assert studio.run(instance, *ASSETS).success
    made = studio.store.place("target/xseg_checkpoint", "bob") / ".recipe.json"
    assert "general" in json.loads(made.read_text())["inputs"]


def test_a_swap_looks_with_the_one_that_it_is_told(studio, tmp_path):
    pair = consented_pair(studio.store, "ann|bob", "swap")
    assert occluder_of(pair, "none") == (None, {})
    with pytest.raises(NotBuiltError):
        occluder_of(pair, "target")
    with pytest.raises(BadInputError, match="facepipe models train"):
        occluder_of(pair, "general")
    path = colour_file(tmp_path / "x.onnx")
    assert occluder_of(pair, str(path))[0] == path
    register_model("occluder", path, "mine", studio.store.models())
    assert occluder_of(pair, "general")[0].name == "occluder.onnx"
