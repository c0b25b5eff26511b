"""Weights are fetched once, checked every time, and refused when they are not the right ones."""

import hashlib
import json
from dataclasses import replace

import pytest

from facepipe.errors import (
    BadInputError,
    ModelFileError,
    PartitionNameError,
    VerificationError,
)
from facepipe.inference import landmark_source, models, registry
from facepipe.inference.landmark_source import Parts
from facepipe.inference.models import (
    ensure_model,
    list_models,
    register_model,
    verify_model,
    verify_models,
)

BUNDLE = b"a landmark bundle"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def unreachable(*given, **named):
    raise ModelFileError("no network here")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nothing can be fetched, and one content is known as the landmark bundle."""
    kind = registry.BundleKind("parts", sha256(BUNDLE))
    monkeypatch.setattr(registry, "BUNDLE_KINDS", (kind,))
    for module, name in (
        (models, "download"), (landmark_source, "download"), (landmark_source, "fetch_wheel"),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, unreachable)


@pytest.fixture
def folder(tmp_path):
    """A models folder that holds the landmark bundle."""
    (tmp_path / "face_landmarker.task").write_bytes(BUNDLE)
    return tmp_path


def state_of(name, folder):
    return {model.name: model.state for model in list_models(folder)}[name]


def test_a_whole_file_is_used_without_a_network_and_recorded(folder):
    assert ensure_model("face_landmarker", folder) == folder / "face_landmarker.task"
    (entry,) = json.loads((folder / "MODELS.lock").read_text())["models"]
    assert entry["sha256"] == sha256(BUNDLE)
    assert entry["bytes"] == len(BUNDLE)
    assert entry["licence"] == "Apache-2.0"
    assert set(entry) == {"name", "file", "sha256", "bytes", "licence", "source", "built_from"}


def test_an_altered_file_is_refused_and_removed(folder):
    (folder / "face_landmarker.task").write_bytes(BUNDLE + b"!")
    assert state_of("face_landmarker", folder) == "altered"
    with pytest.raises(ModelFileError, match=r"altered .* so it was removed"):
        ensure_model("face_landmarker", folder)
    assert not (folder / "face_landmarker.task").exists()


def test_what_can_neither_be_fetched_nor_built_says_where_to_put_it(tmp_path):
    with pytest.raises(ModelFileError, match="neither fetched nor built") as caught:
        ensure_model("face_landmarker", tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.count("no network here") == 2
    assert f"put the file of {registry.FACE_LANDMARKER.url} at" in message
    assert message.endswith(str(tmp_path / "face_landmarker.task"))
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_is_not_the_pinned_one_is_refused(tmp_path, monkeypatch):
    parts = Parts(b"detector", b"network")
    monkeypatch.setattr(landmark_source, "_wheel", lambda *given: parts)
    monkeypatch.setattr(landmark_source, "attention_network", lambda network: network)
    with pytest.raises(ModelFileError, match=r"built with sha256 .* it must be"):
        ensure_model("face_landmarker", tmp_path)
    assert not (tmp_path / "face_landmarker.task").exists()


@pytest.mark.parametrize(
    ("official", "wheel", "kind"),
    [(1, 1, registry.FULL), (0, 1, registry.WHEEL_ONLY), (1, 0, registry.OFFICIAL_ONLY)],
)
def test_the_best_bundle_of_what_there_is(monkeypatch, official, wheel, kind):
    for name in ("task_network", "attention_network"):
        monkeypatch.setattr(landmark_source, name, lambda network: network)
    sources = [Parts(b"short", b"exact")] * official, [Parts(b"full", b"attention")] * wheel
    made, content = landmark_source.compose(*sources)
    assert made is kind
    assert (b"full" in content) == bool(wheel)
    assert (b"exact" in content) == bool(official)


def test_a_licence_must_be_accepted_before_anything_is_fetched(tmp_path):
    with pytest.raises(ModelFileError, match=r"non-commercial .* --accept-licence"):
        ensure_model("arcface", tmp_path)
    with pytest.raises(ModelFileError, match=r"no network here; by hand: .* w600k_r50\.onnx"):
        ensure_model("arcface", tmp_path, accept_licence=True)


def test_a_licensed_file_put_there_by_hand_is_used(tmp_path, monkeypatch):
    monkeypatch.setitem(
        registry.REGISTRY, "arcface", replace(registry.ARCFACE, sha256=sha256(b"weights"))
    )
    (tmp_path / "w600k_r50.onnx").write_bytes(b"weights")
    assert ensure_model("arcface", tmp_path) == tmp_path / "w600k_r50.onnx"


@pytest.mark.parametrize("ask", [ensure_model, verify_model])
def test_an_unknown_name_lists_the_known_ones(folder, ask):
    with pytest.raises(BadInputError, match="'yolo'; known are arcface, face_landmarker"):
        ask("yolo", folder)


def test_a_registered_file_is_copied_recorded_and_checked(folder, tmp_path):
    mine = tmp_path / "mine.onnx"
    mine.write_bytes(b"my weights")
    kept = register_model("my_arcface", mine, "mine", folder)
    mine.unlink()
    assert kept == folder / "my_arcface.onnx"
    assert ensure_model("my_arcface", folder) == kept
    assert state_of("my_arcface", folder) == "here"
    kept.write_bytes(b"other weights")
    with pytest.raises(ModelFileError, match="altered"):
        ensure_model("my_arcface", folder)
    assert kept.exists()  # the user's own file is not ours to remove
    kept.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        ensure_model("my_arcface", folder)


@pytest.mark.parametrize(
    ("name", "error"), [("arcface", BadInputError), ("../evil", PartitionNameError)]
)
def test_a_name_that_is_taken_or_leads_elsewhere_is_refused(folder, name, error):
    with pytest.raises(error):
        register_model(name, folder / "face_landmarker.task", "mine", folder)


def test_a_file_that_is_not_there_cannot_be_registered(folder):
    with pytest.raises(ModelFileError, match="no such file"):
        register_model("mine", folder / "absent.onnx", "mine", folder)


def test_the_list_names_origin_and_licence_of_each_model(tmp_path):
    listed = list_models(tmp_path)
    assert [model.name for model in listed] == ["face_landmarker", "arcface"]
    assert {model.state for model in listed} == {"absent"}
    assert all(m.url and m.licence and m.source and m.trained_on and m.purpose for m in listed)


def test_verifying_says_whole_altered_or_absent(folder):
    assert verify_models(folder) == [verify_model("face_landmarker", folder)]
    assert "is whole" in verify_model("face_landmarker", folder)
    (folder / "face_landmarker.task").write_bytes(b"other")
    with pytest.raises(VerificationError, match="recorded is"):
        verify_models(folder)
    with pytest.raises(ModelFileError, match="not here"):
        verify_model("arcface", folder)


def test_verifying_an_empty_folder_says_so(tmp_path):
    assert verify_models(tmp_path / "models") == ["no models are here yet"]


def test_a_damaged_record_is_said(folder):
    (folder / "MODELS.lock").write_text("{")
    with pytest.raises(ModelFileError, match=r"MODELS\.lock: damaged"):
        list_models(folder)
