"""Two identities on two people of one video, each drawn by a model trained for this target."""

import json

import pytest

from facepipe.cli.app import exit_code_of
from facepipe.files import sha256_of
from facepipe_tests.end_to_end.conftest import TINY
from facepipe_tests.end_to_end.inputs import added, clip, working_in

pytestmark = pytest.mark.slow
SHEET = "pair/swap_report.sheet_rows=1"
PLACES = ["--map", "ada=left-to-right:2", "--map", "eve=left-to-right:1"]


@pytest.fixture(scope="module")
def two(tmp_path_factory, landmark_model):
    """A data root in which ada and eve are trained for a clip, and swapped onto its people."""
    folder = tmp_path_factory.mktemp("trained")
    with working_in(folder, landmark_model) as root:
        for name, seed in (("ada", 11), ("eve", 25)):
            added(root, "identity", name, clip(folder / f"{name}.mp4", seeds=(seed,), frames=6))
        added(root, "target", "clip", clip(folder / "clip.mp4", seeds=(6, 43), size=320, frames=8))
        settings = [part for setting in (*TINY, SHEET) for part in ("--set", setting)]
        assert exit_code_of(["run", "ada", "clip", *PLACES, *settings]) == 0
        yield root


def network_of(root, identity):
    (path,) = root.joinpath("assets/pair/lora_onnx", identity, "clip").glob("*.onnx")
    return path


def test_each_person_is_drawn_by_the_model_of_whose_face_they_got(two):
    video = two / "assets/pair/swapped_video/ada/clip"
    manifest = json.loads((video / "manifest.json").read_text())
    assert {name: model["sha256"] for name, model in manifest["models"].items()} == {
        name: sha256_of(network_of(two, name)) for name in ("ada", "eve")
    }
    assert network_of(two, "ada").read_bytes() != network_of(two, "eve").read_bytes()
    parts = {part["identity"]: part for part in manifest["parts"]}
    assert parts.keys() == {"ada", "eve"}
    assert set(parts["ada"]["tracks"]).isdisjoint(parts["eve"]["tracks"])
    assert all(part["frames"]["swapped"] == 8 for part in parts.values())


def test_the_recipe_holds_both_models_and_nothing_is_swapped_for_eve_alone(two):
    video = two / "assets/pair/swapped_video"
    inputs = json.loads((video / "ada/clip/.recipe.json").read_text())["inputs"]
    for name, read in (("ada", "lora_onnx"), ("eve", "lora_onnx@eve")):
        recipe = json.loads((network_of(two, name).parent / ".recipe.json").read_text())
        assert inputs[read] == recipe["digest"]
    assert not (video / "eve").exists()


def test_the_same_again_trains_and_swaps_nothing(two, capsys):
    assert exit_code_of(["run", "ada", "clip"]) == 0
    said = capsys.readouterr().err
    assert said.count("pair/lora_checkpoint: unchanged") == 2
    assert "pair/swapped_video: unchanged" in said
    assert ": made in" not in said


def test_a_further_identity_trained_anew_makes_the_video_stale_and_anew(two, capsys):
    longer = ["--set", "pair/lora_checkpoint.epochs=3"]
    assert exit_code_of(["run", "eve", "clip", *longer]) == 0
    capsys.readouterr()
    assert exit_code_of(["status", "ada", "clip"]) == 0
    told = capsys.readouterr().out
    assert "lora_onnx@eve" in told
    assert exit_code_of(["run", "ada", "clip"]) == 0
    assert "pair/swapped_video: made in" in capsys.readouterr().err
