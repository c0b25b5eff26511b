"""A model's record holds for its content, whatever either file is called."""

import json

import pytest

from facepipe.errors import BadInputError, VerificationError
from facepipe.files import sha256_of
from facepipe.provenance.sidecar import sidecar_bytes, sidecar_of
from facepipe.provenance.verifying import verify
from facepipe_tests.provenance.conftest import SAID


@pytest.fixture
def model(tmp_path, signer):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"weights" * 99)
    sidecar_of(path).write_bytes(sidecar_bytes(sha256_of(path), SAID, signer))
    return path


def test_a_model_is_valid_with_its_record_beside_it(model):
    assert verify(model).statement == SAID


def test_the_record_is_found_by_content_when_files_are_renamed(model, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = model.rename(tmp_path / "elsewhere" / "mine.onnx")
    sidecar_of(model).rename(tmp_path / "elsewhere" / ".hidden.sig")
    (tmp_path / "elsewhere" / "a.sig").write_text("not a record")
    assert verify(moved).statement == SAID


def test_a_changed_model_is_noticed(model):
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(VerificationError, match="was changed"):
        verify(model)


def test_a_model_alone_is_said_to_have_no_record(model):
    sidecar_of(model).unlink()
    with pytest.raises(VerificationError, match="has no provenance record"):
        verify(model)


def test_a_record_that_says_something_else_than_was_signed_is_noticed(model, signer):
    other = sidecar_bytes(sha256_of(model), SAID.model_copy(update={"asset": "x"}), signer)
    record = json.loads(sidecar_of(model).read_text())
    record["payload"] = json.loads(other)["payload"]
    sidecar_of(model).write_text(json.dumps(record))
    with pytest.raises(VerificationError, match="was changed after it was signed"):
        verify(model)


@pytest.mark.parametrize("content", ["", "{}", "[" * 9999, '{"payload": 1}', "\0" * 99])
def test_what_is_no_record_is_said_to_be_none(model, content):
    sidecar_of(model).write_text(content)
    with pytest.raises(VerificationError, match=r"model\.onnx\.sig is not a whole record"):
        verify(model)


def test_the_same_content_and_key_give_the_same_record(model, signer):
    assert sidecar_of(model).read_bytes() == sidecar_bytes(sha256_of(model), SAID, signer)


def test_no_file_is_bad_input(tmp_path):
    with pytest.raises(BadInputError, match="no such file"):
        verify(tmp_path / "none.mp4")
