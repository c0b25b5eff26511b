"""A swap that looks with the target's own occluder has it made first, and names it."""

import json

import pytest

from facepipe.cli.app import exit_code_of
from facepipe.files import sha256_of
from facepipe.provenance.film import read_film
from facepipe_tests.end_to_end.inputs import added, clip, files_in, record, working_in

pytestmark = pytest.mark.slow
OWN = "target/xseg_onnx"
QUICK = (
    "pair/swapped_video.swapper=mesh", "pair/swap_report.sheet_rows=1",
    "target/xseg_checkpoint.epochs=1", "target/xseg_checkpoint.steps_per_epoch=1",
    "target/xseg_checkpoint.batch_size=2", "target/xseg_checkpoint.width=8",
    "target/xseg_checkpoint.drawn_people=0",
)  # fmt: skip


def run(*settings, code=0):
    options = [part for setting in settings for part in ("--set", setting)]
    assert exit_code_of(["run", "ada", "clip", *options]) == code


def recipe_of(root, key, *names):
    return root.joinpath("assets", *key.split("/"), *names) / ".recipe.json"


def swap_inputs(root):
    return json.loads(recipe_of(root, "pair/swapped_video", "ada", "clip").read_text())["inputs"]


@pytest.fixture(scope="module")
def two(tmp_path_factory, landmark_model):
    """A data root of an identity and a target, of which nothing is made."""
    folder = tmp_path_factory.mktemp("own")
    with working_in(folder, landmark_model) as root:
        added(root, "identity", "ada", clip(folder / "ada.mp4", seeds=(11,), frames=6))
        added(root, "target", "clip", clip(folder / "clip.mp4", seeds=(43,), size=256))
        yield root


def test_without_consent_to_training_it_is_refused_before_anything_is_made(two, fails):
    consent = two / "targets/clip/consent.json"
    granted = consent.read_bytes()
    record(consent, two / "targets/clip/clip.mp4", scope=("swap",))
    before = files_in(two)
    options = [part for setting in QUICK for part in ("--set", setting)]
    own = ["--set", "pair/swapped_video.occlusion=target"]
    assert "train" in fails(3, "run", "ada", "clip", *options, *own)
    assert files_in(two) == before
    consent.write_bytes(granted)


def test_it_is_made_where_it_is_used_and_its_hash_is_told_in_recipe_manifest_and_film(two):
    run(*QUICK)
    assert not (two / "assets" / OWN).exists()
    assert "xseg_onnx" not in swap_inputs(two)
    run(*QUICK, "pair/swapped_video.occlusion=target")
    made = recipe_of(two, OWN, "clip")
    assert swap_inputs(two)["xseg_onnx"] == json.loads(made.read_text())["digest"]
    digest = sha256_of(made.parent / "facefusion.onnx")
    swapped = recipe_of(two, "pair/swapped_video", "ada", "clip").parent
    assert json.loads((swapped / "manifest.json").read_text())["inputs"]["occluder"] == digest
    assert read_film(swapped / "swapped.mp4")[0].ingredients["occluder"] == digest


def test_another_occluder_makes_a_swap_stale_only_where_it_is_used(two, capsys):
    def standing():
        capsys.readouterr()
        assert exit_code_of(["status", "ada", "clip"]) == 0
        lines = capsys.readouterr().out.splitlines()
        return next(line for line in lines if "pair/swapped_video" in line)

    made = recipe_of(two, OWN, "clip")
    whole = made.read_text()
    other = json.dumps({**json.loads(whole), "digest": "0" * 64})
    made.write_text(other)
    assert " stale " in standing()
    made.write_text(whole)
    assert " made " in standing()
    run("pair/swapped_video.occlusion=none")
    assert "xseg_onnx" not in swap_inputs(two)
    made.write_text(other)
    assert " made " in standing()
    run()
    assert "pair/swapped_video: unchanged" in capsys.readouterr().err
