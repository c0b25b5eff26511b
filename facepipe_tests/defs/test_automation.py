"""New folders are noticed; what was wanted once is kept fresh; nobody gets every pair."""

from datetime import UTC, datetime

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from facepipe.definitions import defs
from facepipe.defs.automation import media_folders, nightly
from facepipe.defs.declaring import ON_REQUEST
from facepipe.defs.partitions import pair_key
from facepipe.defs.storage import Store
from facepipe.provenance.consent import new_consent, write_consent

LOADED = defs()
PAIR_KEYS = {"lora_checkpoint", "lora_onnx", "swapped_video", "swap_report"}


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(root=str(tmp_path))


def put_in(store, side, name, seed=0):
    """An input folder with one picture and a record that covers it."""
    folder = store.input_folder(side, name)
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    record = new_consent(
        subject=name,
        granted_by=name,
        scope=["train", "swap"],
        expires_at=now.replace(year=2099),
        media=[folder / "a.png"],
        contact="nobody",
        granted_at=now,
    )
    write_consent(record, folder / "consent.json")


def look(instance, store):
    """One tick of the folder sensor, with its events carried out as the daemon would."""
    context = dg.build_sensor_context(instance=instance)
    result = media_folders(context, store=store)
    for request in result.dynamic_partitions_requests or []:
        instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return sorted(f"{e.asset_key.path[0]} {e.partition}" for e in result.asset_events)


def test_a_new_folder_is_registered_once_and_again_when_it_changes(instance, store):
    put_in(store, "identity", "alice")
    put_in(store, "target", "clip")
    assert look(instance, store) == ["identity alice", "target clip"]
    assert instance.get_dynamic_partitions("identity") == ["alice"]
    assert look(instance, store) == []
    put_in(store, "target", "clip", seed=1)
    assert look(instance, store) == ["target clip"]


def test_folders_whose_names_are_no_partitions_and_empty_ones_are_passed_over(instance, store):
    (store.input_folder("identity", "alice")).mkdir(parents=True)
    (store.input_folder("identity", "alice").parent / "Not A Name").mkdir()
    assert look(instance, store) == []


def requested(instance, cursor=None):
    result = dg.evaluate_automation_conditions(LOADED, instance, cursor=cursor)
    return {
        key.to_user_string()
        for key in LOADED.resolve_asset_graph().materializable_asset_keys
        if result.get_num_requested(key)
    }, result.cursor


def materialize(instance, key, partition, version):
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            key.split("/"), partition=partition, tags={"dagster/data_version": version}
        )
    )


def test_new_media_ask_for_their_own_assets_and_for_no_pair(instance, store):
    put_in(store, "identity", "alice")
    put_in(store, "target", "clip")
    _, cursor = requested(instance)
    look(instance, store)
    asked, _ = requested(instance, cursor)
    assert "identity/consent" in asked
    assert "target/consent" in asked
    assert not any(key.startswith("pair/") for key in asked)


def test_pairs_and_occluders_are_kept_fresh_only_once_made_on_request(instance, store):
    pair = pair_key("alice", "clip")
    instance.add_dynamic_partitions("identity", ["alice"])
    instance.add_dynamic_partitions("target", ["clip"])
    graph = LOADED.resolve_asset_graph()
    for key in graph.toposorted_asset_keys:
        if key.path[0] != "pair" and key.to_user_string() not in ON_REQUEST:
            materialize(
                instance,
                key.to_user_string(),
                {"identity": "alice", "target": "clip"}[key.path[0]],
                "1",
            )
    _, cursor = requested(instance)
    materialize(instance, "target/faces", "clip", "2")
    asked, cursor = requested(instance, cursor)
    assert not any(key.startswith("pair/") or key in ON_REQUEST for key in asked)
    for name in ("lora_checkpoint", "lora_onnx", "swapped_video", "swap_report"):
        materialize(instance, f"pair/{name}", pair, "1")
    _, cursor = requested(instance, cursor)
    materialize(instance, "target/faces", "clip", "3")
    asked, _ = requested(instance, cursor)
    assert "pair/lora_checkpoint" in asked


def test_the_night_remakes_the_pairs_whose_people_are_still_there(instance, store):
    for name in ("alice", "gone"):
        materialize(instance, "pair/swapped_video", pair_key(name, "clip"), "1")
    put_in(store, "identity", "alice")
    put_in(store, "target", "clip")
    with dg.build_schedule_context(instance=instance) as context:
        (request,) = nightly(context, store=store)
    assert request.partition_key == "alice|clip"
    assert request.asset_selection is None


def test_a_pair_swapped_by_mesh_is_remade_without_training(instance, store):
    materialize(instance, "pair/swapped_video", pair_key("alice", "clip"), "1")
    put_in(store, "identity", "alice")
    put_in(store, "target", "clip")
    place = store.place("pair/swapped_video", "alice|clip")
    place.mkdir(parents=True)
    (place / ".recipe.json").write_text('{"inputs": {}, "settings": {"swapper": "mesh"}}')
    with dg.build_schedule_context(instance=instance) as context:
        (request,) = nightly(context, store=store)
    names = [key.path[-1] for key in request.asset_selection or []]
    assert names == ["swapped_video", "swap_report"]
