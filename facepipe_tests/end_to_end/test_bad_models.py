"""A model from elsewhere that cannot be used ends with its exit code and one line."""

import json
import shutil

import numpy as np
import pytest

from facepipe.cli.app import exit_code_of
from facepipe.defs.inputs import media_digests
from facepipe.media import encoders
from facepipe.provenance.digests import digest_of_digests
from facepipe_tests.end_to_end.conftest import Project
from facepipe_tests.end_to_end.inputs import added, files_in, noise
from facepipe_tests.swapping.clips import tiny_dfm, tiny_model

pytestmark = pytest.mark.slow
SET = ("--set", "pair/swapped_video.swapper={}")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path, "no such file"),
        (lambda path: path.write_text("this is no model, only text"), "not an ONNX file"),
        (
            lambda path: tiny_model(path, names=("image", "latent")),
            "named ['image', 'latent']; needed are ['source', 'target']",
        ),
        (
            lambda path: tiny_model(path, tail=[np.zeros((512, 256), np.float32)]),
            "last initializer has shape (512, 256); needed are",
        ),
        (lambda path: tiny_dfm(path, face="face"), "named ['face']"),
    ],
)
def test_a_file_in_no_known_contract_is_named_before_anything_is_made(
    root, fails, tmp_path, make, said
):
    added(root, "identity", "alice", noise(tmp_path / "a.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    path = tmp_path / "model.onnx"
    make(path)
    before = files_in(root)
    setting = SET[1].format(path)
    assert said in fails(2, "run", "alice", "clip", SET[0], setting)
    assert files_in(root) == before


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("enhancer=gone.onnx", "gone.onnx: no such file"),
        ("enhancer={other}", "no face enhancer: its inputs are named"),
        ("face_parser=gone.onnx", "gone.onnx: no such file"),
        ("face_parser={other}", "not in the layout of a BiSeNet face parser"),
        ("occlusion=gone.onnx", "gone.onnx: no such file"),
        ("occlusion={other}", "no occluder: it takes"),
        ("occlusion=general", "make it, once: facepipe models train"),
        ("occlusion=generl", "no model is called 'generl'"),
        ("encoder=libx265", "encoder libx265 is not available here for 8-bit video"),
    ],
)
def test_what_the_swap_needs_in_the_end_is_missed_before_anything_is_made(
    root, fails, tmp_path, monkeypatch, setting, said
):
    monkeypatch.setattr(encoders, "_opens", lambda name, *_: name == "libx264")
    added(root, "identity", "alice", noise(tmp_path / "a.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    other = tiny_model(tmp_path / "model.onnx")
    before = files_in(root)
    option = f"pair/swapped_video.{setting.format(other=other)}"
    assert said in fails(2, "run", "alice", "clip", "--set", option)
    assert files_in(root) == before


def test_a_name_that_nothing_is_registered_under_is_refused(root, fails, tmp_path):
    added(root, "identity", "alice", noise(tmp_path / "a.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    line = fails(2, "run", "alice", "clip", SET[0], SET[1].format("lorra"))
    assert "no model is called 'lorra'" in line


@pytest.fixture(scope="module")
def copied(made, tmp_path_factory) -> Project:
    """The finished pair once more, to swap it badly."""
    root = tmp_path_factory.mktemp("bad") / "data"
    shutil.copytree(made.root, root, symlinks=True)
    return Project(root)


@pytest.fixture
def project(copied, monkeypatch) -> Project:
    """The same, for commands in this process."""
    monkeypatch.setenv("FACEPIPE_DATA", str(copied.root))
    monkeypatch.setenv("DAGSTER_HOME", str(copied.root / ".dagster"))
    monkeypatch.chdir(copied.root)
    return copied


def swap_with(path):
    """The command that swaps with a model."""
    return "run", "ada", "ben", SET[0], SET[1].format(path)


def video_of(project):
    return (project.place("pair/swapped_video", "ada", "ben") / "swapped.mp4").read_bytes()


def own(project):
    """What a model that facepipe trained for this identity says of itself."""
    media = digest_of_digests(media_digests(project.root / "identities" / "ada"))
    return {"base_sha256": "0" * 64, "identity_media": media}


def test_a_model_that_knows_arcface_alone_is_refused_for_a_builtin_profile(
    project, fails, tmp_path
):
    before = video_of(project)
    line = fails(2, *swap_with(tiny_model(tmp_path / "theirs.onnx")))
    assert "theirs.onnx draws whom an ArcFace embedding names" in line
    assert "made with builtin" in line
    assert video_of(project) == before


def test_a_model_trained_on_anothers_media_is_refused_for_consent(project, fails, tmp_path):
    before = video_of(project)
    told = {**own(project), "identity_media": "1" * 64}
    line = fails(3, *swap_with(tiny_model(tmp_path / "eve.onnx", told=told)))
    assert "trained on other media than identity 'ada'" in line
    assert video_of(project) == before


def test_a_model_that_draws_no_numbers_is_refused_with_the_frame(project, fails, tmp_path):
    before = video_of(project)
    path = tiny_model(tmp_path / "broken.onnx", told=own(project), breaks=True)
    line = fails(2, *swap_with(path))
    assert "broken.onnx: draws NaN or infinity for frame 0" in line
    assert video_of(project) == before


@pytest.mark.soak
def test_a_dfm_and_an_exported_model_swap_without_training(project, tmp_path):
    exported = tmp_path / "out"
    project.run("export", "ada", "ben", "--format", "dfm", "-o", exported)
    (path,) = exported.glob("*.dfm")
    by_lora = video_of(project)
    assert exit_code_of([*map(str, swap_with(path))]) == 0
    by_dfm = video_of(project)
    assert by_dfm != by_lora
    manifest = project.place("pair/swapped_video", "ada", "ben") / "manifest.json"
    assert json.loads(manifest.read_text())["models"]["ada"]["name"] == path.name
    (network,) = project.place("pair/lora_onnx", "ada", "ben").glob("*.onnx")
    assert exit_code_of([*map(str, swap_with(network))]) == 0
    assert video_of(project) == by_lora
