"""Sessions open on the device asked for, or on the CPU, saying so; bad files are refused."""

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facepipe.errors import ModelFileError, SettingsError
from facepipe.inference.sessions import open_session, providers_for

CUDA, COREML, CPU = "CUDAExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider"


@pytest.fixture
def model(tmp_path):
    """An ONNX file that doubles what comes in."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "g", [value], [result])
    path = tmp_path / "double.onnx"
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=10), path)
    return path


@pytest.mark.parametrize(
    ("device", "available", "providers"),
    [
        ("cpu", [CUDA, CPU], [CPU]),
        ("cuda", [CUDA, CPU], [CUDA, CPU]),
        ("mps", [COREML, CPU], [COREML, CPU]),
        ("auto", [CUDA, CPU], [CUDA, CPU]),
        ("auto", [COREML, CPU], [COREML, CPU]),
        ("auto", [CPU], [CPU]),
    ],
)
def test_the_device_asked_for_comes_first(device, available, providers):
    assert providers_for(device, available) == providers


@pytest.mark.parametrize(("device", "lines"), [("cuda", 1), ("mps", 1), ("auto", 0), ("cpu", 0)])
def test_falling_back_to_the_cpu_is_said_where_another_was_asked_for(device, lines, caplog):
    assert providers_for(device, [CPU]) == [CPU]
    assert len(caplog.messages) == lines
    assert all("the CPU is used" in line for line in caplog.messages)


def test_an_unknown_device_is_refused():
    with pytest.raises(SettingsError, match="one of auto, cuda, mps, cpu, got 'tpu'"):
        providers_for("tpu")


def test_a_session_runs_and_repeats_itself(model):
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    session = open_session(model, device="cpu", threads=1)
    once, again = (session.run(None, {"x": values})[0] for _ in range(2))
    np.testing.assert_array_equal(once, 2 * values)
    np.testing.assert_array_equal(once, again)


def test_the_hash_is_checked_where_one_is_given(model):
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    assert open_session(model, device="cpu", sha256=digest).get_providers() == [CPU]
    with pytest.raises(ModelFileError, match="its sha256 is"):
        open_session(model, device="cpu", sha256="0" * 64)


def test_a_file_that_is_no_model_is_refused_in_one_line(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(ModelFileError, match="cannot be run as an ONNX file") as caught:
        open_session(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_negative_thread_count_are_refused(model, tmp_path):
    with pytest.raises(ModelFileError, match="no such ONNX file"):
        open_session(tmp_path / "absent.onnx")
    with pytest.raises(SettingsError, match="threads"):
        open_session(model, threads=-1)
