"""The embedder asked for is the one used, and two are never mixed."""

import hashlib
import json
from datetime import UTC, datetime

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facepipe.errors import BadInputError, ModelFileError
from facepipe.identity.embedding import (
    arcface_embedder,
    builtin_embedder,
    choose_embedder,
    embedder_of,
    require_same_embedder,
)
from facepipe.identity.profile import build_profile
from facepipe.identity.settings import ProfileSettings


def write_model(path, *, side=112, size=512, batch="N", extra_output=False, seed=1):
    """The mean of red, green and blue, then a fixed matrix: the ArcFace contract in small."""
    path.parent.mkdir(exist_ok=True)
    matrix = np.random.default_rng(seed).normal(size=(3, size)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["in"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["out"]),
    ]
    outputs = [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, size])]
    if extra_output:
        outputs.append(helper.make_tensor_value_info("flat", TensorProto.FLOAT, [batch, 3]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [batch, 3, side, side])],
        outputs,
        [numpy_helper.from_array(matrix, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return matrix


@pytest.fixture
def model(tmp_path):
    """A models folder with an ArcFace-contract file, and its matrix."""
    matrix = write_model(tmp_path / "my_arcface.onnx")
    return tmp_path / "my_arcface.onnx", matrix


@pytest.mark.parametrize("batch", ["N", 1])
def test_arcface_is_fed_rgb_scaled_to_one(tmp_path, batch):
    matrix = write_model(tmp_path / "arcface.onnx", batch=batch)
    crops = np.zeros((3, 112, 112, 3), np.uint8)
    crops[0] = (255, 0, 0)
    crops[1] = (10, 200, 60)
    crops[2] = (0, 0, 255)
    vectors = arcface_embedder(tmp_path / "arcface.onnx").embed(crops)
    wanted = ((crops[:, 0, 0] - 127.5) / 127.5) @ matrix
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, wanted, atol=1e-5)
    assert vectors.dtype == np.float32


def test_more_faces_than_a_batch_keep_their_order(model):
    crops = np.random.default_rng(2).integers(0, 255, (70, 1, 1, 3), np.uint8)
    crops = np.broadcast_to(crops, (70, 112, 112, 3))
    embedder = arcface_embedder(model[0])
    np.testing.assert_allclose(embedder.embed(crops)[67:], embedder.embed(crops[67:]), atol=1e-6)


def test_an_arcface_file_is_named_by_its_hash(model):
    embedder = arcface_embedder(model[0])
    assert (embedder.name, embedder.version) == ("arcface", "my_arcface")
    assert embedder.sha256 == hashlib.sha256(model[0].read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ({"side": 128}, r"3, 128, 128"),
        ({"size": 256}, r"'N', 256"),
        ({"extra_output": True}, r"'N', 3"),
    ],
)
def test_a_model_of_another_contract_is_refused_with_what_it_is(tmp_path, shape, found):
    write_model(tmp_path / "other.onnx", **shape)
    with pytest.raises(ModelFileError, match=rf"other\.onnx: not an ArcFace model.*{found}"):
        arcface_embedder(tmp_path / "other.onnx")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "arcface.onnx").write_bytes(b"not a graph")
    with pytest.raises(ModelFileError, match=r"arcface\.onnx"):
        arcface_embedder(tmp_path / "arcface.onnx")


def test_a_model_that_answers_nothing_is_refused(model):
    path, _ = model
    graph = onnx.load(str(path))
    zeros = numpy_helper.from_array(np.zeros((3, 512), np.float32), "w")
    graph.graph.initializer[0].CopyFrom(zeros)
    onnx.save(graph, str(path))
    with pytest.raises(ModelFileError, match="a vector of length 0"):
        arcface_embedder(path).embed(np.zeros((1, 112, 112, 3), np.uint8))


def test_auto_takes_arcface_where_there_is_one(tmp_path):
    assert choose_embedder("auto", tmp_path).name == "builtin"
    write_model(tmp_path / "buffalo_l" / "w600k_tiny.onnx")
    assert choose_embedder("auto", tmp_path).version == "w600k_tiny"
    assert choose_embedder("arcface", tmp_path).name == "arcface"
    assert choose_embedder("builtin", tmp_path).name == "builtin"


def test_arcface_without_a_file_says_what_is_needed(tmp_path):
    with pytest.raises(ModelFileError, match="no ArcFace model; needed is one named like"):
        choose_embedder("arcface", tmp_path / "absent")


def test_a_file_that_is_not_what_models_lock_says_is_refused(model):
    path, _ = model
    entry = {"name": "mine", "file": path.name, "sha256": "0" * 64, "bytes": 1}
    lock = {"models": [entry | {"licence": "", "source": ""}]}
    (path.parent / "MODELS.lock").write_text(json.dumps(lock))
    with pytest.raises(ModelFileError, match="sha256"):
        choose_embedder("auto", path.parent)


@pytest.fixture
def profile_by(make_faces):
    """A profile made by a given embedder."""
    faces = make_faces([1] * 4)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return lambda embedder: build_profile("anna", faces, embedder, ProfileSettings(), now)


def test_the_embedder_of_a_profile_is_found_again(model, profile_by):
    path, _ = model
    write_model(path.parent / "arcface_0.onnx", seed=2)
    for embedder in (builtin_embedder(), arcface_embedder(path)):
        assert embedder_of(profile_by(embedder), path.parent).sha256 == embedder.sha256


def test_two_embedders_are_not_mixed(model, profile_by):
    profile = profile_by(builtin_embedder())
    require_same_embedder(profile, builtin_embedder())
    with pytest.raises(BadInputError, match=r"'anna' was made with builtin 1 .* my_arcface"):
        require_same_embedder(profile, arcface_embedder(model[0]))


def test_two_files_of_one_kind_are_not_mixed(model, profile_by, tmp_path):
    write_model(tmp_path / "retrained" / model[0].name, seed=2)
    profile = profile_by(arcface_embedder(model[0]))
    with pytest.raises(BadInputError, match="cannot be compared"):
        require_same_embedder(profile, arcface_embedder(tmp_path / "retrained" / model[0].name))


def test_a_profile_whose_model_is_gone_says_so(model, profile_by, tmp_path_factory):
    profile = profile_by(arcface_embedder(model[0]))
    with pytest.raises(ModelFileError, match="made with arcface my_arcface"):
        embedder_of(profile, tmp_path_factory.mktemp("empty"))


def test_a_profile_of_another_program_names_no_embedder(profile_by, tmp_path):
    foreign = profile_by(builtin_embedder()).model_copy(update={"quality_stats": {}})
    with pytest.raises(BadInputError, match="does not say which embedder"):
        embedder_of(foreign, tmp_path)
