"""Exports hold what other programs look for, and are written whole or not at all."""

import json
import shutil

import numpy as np
import pytest

from facepipe.errors import BadInputError, SettingsError, VerificationError
from facepipe.training.formats import checked_format, exported_files, write_files
from facepipe_tests.training.foreign_readers import (
    drawn_as_facefusion_does,
    hash_is_right,
    last_initializer,
    watserface_models,
    watserface_profile,
)
from facepipe_tests.training.published import NAME, publish, tinting_network


@pytest.fixture
def published(make_faces, embeddings, tmp_path):
    tint = np.stack([embeddings[0] * share for share in (0.1, 0.2, 0.3)], axis=1)
    content = tinting_network(np.full((1, 3, 1, 1), 0.5), tint)
    return publish(tmp_path / "pair", content, embeddings[0], make_faces())


def exported(published, folder, kind, half=False):
    return write_files(exported_files(published, kind, half=half), folder, replace=False)


def test_the_inswapper_files_are_the_published_ones(published, tmp_path):
    exported(published, tmp_path / "out", "inswapper")
    for suffix in ("onnx", "hash"):
        name = f"{NAME}.{suffix}"
        assert (tmp_path / "out" / name).read_bytes() == (published.model / name).read_bytes()
    record, before = (
        json.loads((folder / f"{NAME}.json").read_text())
        for folder in (tmp_path / "out", published.model)
    )
    assert record == before


@pytest.mark.parametrize("half", [False, True])
def test_facefusion_reads_the_inswapper_file(published, embeddings, tmp_path, half):
    model = exported(published, tmp_path, "inswapper", half)[0]
    assert hash_is_right(model)
    crop_bgr = np.full((128, 128, 3), (40, 80, 120), np.uint8)
    drawn = drawn_as_facefusion_does(model, crop_bgr, 7 * embeddings[0])
    wanted = np.array([40, 80, 120]) / 2 + np.array([0.3, 0.2, 0.1]) * 255
    assert np.abs(drawn - wanted).max() <= 1.5


def test_the_half_file_has_a_name_and_a_record_of_its_own(published, tmp_path):
    exported(published, tmp_path, "inswapper")
    model, hashed, record = exported(published, tmp_path, "inswapper", half=True)
    assert [path.name for path in (model, hashed, record)] == [
        f"{NAME}_fp16.onnx", f"{NAME}_fp16.hash", f"{NAME}_fp16.json",
    ]  # fmt: skip
    told = json.loads(record.read_text())
    assert told["crc32"] == hashed.read_text()
    assert told["size_bytes"] == model.stat().st_size
    assert told["precision"] == "float16"
    assert set(told["parity_to_float32"]) == {"1", "4"}


@pytest.mark.parametrize("half", [False, True])
def test_watserface_finds_the_model_its_hash_and_the_profile(published, embeddings, tmp_path, half):
    exported(published, tmp_path / "home", "watserface", half)
    (model,) = watserface_models(tmp_path / "home").values()
    assert model.suffix == ".onnx"
    assert hash_is_right(model)
    assert last_initializer(model).shape == (512, 512)
    profile = watserface_profile(tmp_path / "home", "ann")
    np.testing.assert_allclose(profile.embedding_mean, embeddings[0], atol=1e-6)


def test_a_published_model_that_was_altered_is_not_passed_on(published):
    path = published.model / f"{NAME}.onnx"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(VerificationError, match="CRC32"):
        exported_files(published, "inswapper", half=False)


def test_what_is_there_and_differs_is_kept_and_nothing_is_written(tmp_path):
    (tmp_path / "b").write_text("mine")
    with pytest.raises(BadInputError, match="--replace"):
        write_files({"a": b"1", "b": b"2"}, tmp_path, replace=False)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b": "mine"}
    write_files({"a": b"1", "b": b"2"}, tmp_path, replace=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "1", "b": "2"}


def test_exporting_again_touches_nothing(published, tmp_path):
    paths = exported(published, tmp_path, "watserface")
    before = [path.stat().st_ino for path in paths]
    assert exported(published, tmp_path, "watserface") == paths
    assert [path.stat().st_ino for path in paths] == before


def test_a_file_that_cannot_be_written_leaves_none_of_the_others(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="Not a directory"):
        write_files({"a": b"1", "file/b": b"2"}, tmp_path, replace=False)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_no_folder_to_export_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadInputError, match="a folder to export to is needed"):
        write_files({"a": b"1"}, tmp_path / "file", replace=False)


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(SettingsError, match=r"'pth' is unknown; known: inswapper, dfm, watserface"):
        checked_format("pth")


def test_float16_needs_the_targets_faces_and_float32_does_not(published, tmp_path):
    shutil.rmtree(published.target_faces)
    assert exported(published, tmp_path, "inswapper")
    with pytest.raises(BadInputError, match="faces"):
        exported_files(published, "inswapper", half=True)
