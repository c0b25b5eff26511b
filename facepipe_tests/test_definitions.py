"""The code location loads, and its assets are the contract's."""

import dagster as dg
import pytest

from facepipe.definitions import defs

LOADED = defs()
KEYS = {
    f"{side}/{name}"
    for side in ("identity", "target")
    for name in ("media", "consent", "frames", "landmarks", "smoothed_landmarks", "faces")
} | {
    "target/people",
    "identity/profile",
    "identity/checkpoint",
    "identity/onnx",
    "target/occlusion_masks",
    "target/xseg_checkpoint",
    "target/xseg_onnx",
    "pair/lora_checkpoint",
    "pair/lora_onnx",
    "pair/swapped_video",
    "pair/swap_report",
}
SPECS = sorted(LOADED.resolve_all_asset_specs(), key=lambda spec: spec.key)


def test_everything_can_be_resolved():
    dg.Definitions.validate_loadable(LOADED)


def test_the_assets_are_those_of_the_contract():
    assert {spec.key.to_user_string() for spec in SPECS} == KEYS


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.key.to_user_string())
def test_every_asset_is_described_grouped_owned_and_partitioned(spec):
    assert spec.description
    assert spec.group_name == spec.key.path[0]
    assert spec.owners
    assert spec.kinds
    assert spec.partitions_def is not None
    assert spec.code_version or spec.key.path[-1] == "media"


def test_every_asset_made_from_a_face_hangs_on_the_consent_of_each_person_in_it():
    graph = LOADED.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        needed = {"identity", "target"} if key.path[0] == "pair" else {key.path[0]}
        parents = {parent.to_user_string() for parent in graph.get(key).parent_keys}
        if key.path[-1] != "consent":
            assert {f"{side}/consent" for side in needed} <= parents, key


def test_each_kind_of_partition_has_a_job_and_occlusion_one_of_its_own():
    jobs = {
        name: LOADED.resolve_job_def(name)
        for name in ("identity_job", "target_job", "occlusion_job", "pair_job")
    }
    sizes = {name: len(job.asset_layer.selected_asset_keys) for name, job in jobs.items()}
    assert sizes == {"identity_job": 8, "target_job": 6, "occlusion_job": 3, "pair_job": 4}
