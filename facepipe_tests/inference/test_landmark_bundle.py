"""The bundle is the same every time, and its network gathers each point from the right place."""

import io
import struct
import zipfile

import flatbuffers
import numpy as np
import pytest
from mediapipe.tasks.metadata import schema_py_generated as schema

from facepipe.inference.landmark_bundle import (
    DETECTOR,
    LEFT_EYE,
    LIPS,
    NETWORK,
    RIGHT_EYE,
    attention_network,
    bundle,
    presence_of,
    task_network,
)

PARTS = {"mesh": 1404, "lips": 160, "right_eye": 142, "left_eye": 142, "right": 10, "left": 10}


def network(sizes):
    """A TensorFlow Lite file with outputs of the given sizes, and no operators."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    graph.tensors, graph.operators, graph.inputs = [], [], []
    for size in sizes:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = "out", [1, 1, 1, size], 0, 0
        graph.tensors.append(tensor)
    graph.outputs = list(range(len(sizes)))
    model.subgraphs, model.metadata = [graph], []
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(content, values):
    """What the operators of a file make of its first tensors' `values`."""
    model = schema.ModelT.InitFromPackedBuf(content)
    graph = model.subgraphs[0]
    known = dict(enumerate(values))

    def value(number):
        tensor = graph.tensors[number]
        if number not in known:
            kind = np.float32 if tensor.type == 0 else np.int32
            known[number] = np.frombuffer(model.buffers[tensor.buffer].data.tobytes(), kind)
            known[number] = known[number].reshape(tensor.shape)
        return known[number]

    compute = {
        schema.BuiltinOperator.CONCATENATION: lambda *parts: np.concatenate(parts),
        schema.BuiltinOperator.GATHER: lambda flat, places: flat[places],
        schema.BuiltinOperator.MEAN: lambda rows, axis: rows.mean(axis=int(axis[0])),
        schema.BuiltinOperator.RESHAPE: lambda array, shape: array.reshape(shape),
        schema.BuiltinOperator.LOGISTIC: lambda x: 1 / (1 + np.exp(-x)),
        schema.BuiltinOperator.MUL: lambda one, other: one * other,
        schema.BuiltinOperator.ADD: lambda one, other: one + other,
    }
    for operator in graph.operators:
        result = compute[model.operatorCodes[operator.opcodeIndex].builtinCode](
            *(value(number) for number in operator.inputs)
        )
        (number,) = operator.outputs
        assert list(result.shape) == list(graph.tensors[number].shape)
        known[number] = result.astype(np.float32)
    return [known[number] for number in graph.outputs]


@pytest.fixture
def outputs():
    """Random outputs of an attention network, and its presence flag."""
    rng = np.random.default_rng(0)
    parts = {name: rng.normal(size=(1, 1, 1, n)).astype("f4") for name, n in PARTS.items()}
    return parts | {"flag": np.float32([[[[1.5]]]])}


@pytest.fixture
def gathered(outputs):
    """The 478 points of the edited attention network, healed, and the presence."""
    content = attention_network(network([*PARTS.values(), 1]))
    points, flag = run(content, outputs.values())
    assert points.shape == (1, 1, 1, 1434)
    assert flag == outputs["flag"]
    return presence_of(points.reshape(1, 478, 3))


def test_presence_is_the_networks_own_probability(gathered):
    assert gathered[1] == pytest.approx(1 / (1 + np.exp(-1.5)), abs=1e-5)


@pytest.mark.parametrize(
    ("part", "points"),
    [
        ("lips", LIPS),
        ("right_eye", RIGHT_EYE),
        ("left_eye", LEFT_EYE),
        ("right", range(468, 473)),
        ("left", range(473, 478)),
    ],
)
def test_refined_points_come_from_their_own_output(gathered, outputs, part, points):
    found = gathered[0][0, list(points), :2]
    np.testing.assert_array_equal(found, outputs[part].reshape(-1, 2))


def test_all_else_comes_from_the_mesh(gathered, outputs):
    mesh, points = outputs["mesh"].reshape(468, 3), gathered[0][0]
    np.testing.assert_array_equal(points[:468, 2], mesh[:, 2])
    others = sorted(set(range(468)) - {*LIPS, *RIGHT_EYE, *LEFT_EYE})
    np.testing.assert_array_equal(points[others], mesh[others])


def test_an_iris_lies_as_deep_as_its_lids_on_average(gathered, outputs):
    depth = outputs["mesh"].reshape(468, 3)[:, 2]
    for first, lids in ((468, RIGHT_EYE[:16]), (473, LEFT_EYE[:16])):
        iris = gathered[0][0, first : first + 5, 2]
        np.testing.assert_allclose(iris, depth[list(lids)].mean(), atol=1e-5)


def test_the_official_network_keeps_its_points_and_gains_presence():
    points = np.random.default_rng(1).normal(size=(1, 1, 1, 1434)).astype("f4")
    flag, other = np.float32([[[[-2.0]]]]), np.float32([[0.0]])
    found, kept_flag = run(task_network(network([1434, 1, 1])), [points, flag, other])
    healed, presence = presence_of(found.reshape(1, 478, 3))
    truth = points.reshape(478, 3).copy()
    truth[[469, 471], 2] = truth[468, 2]
    np.testing.assert_array_equal(healed[0], truth)
    assert presence == pytest.approx(1 / (1 + np.exp(2)), abs=1e-5)
    assert kept_flag == flag


@pytest.mark.parametrize("factor", [0.01, 1, 300])
def test_presence_survives_any_scale_of_the_face(factor):
    points = np.zeros((1, 478, 3), np.float32)
    points[0, [468, 469, 471], 2] = np.float32([5, 5 + 32 * 0.75, 5 + 32]) * factor
    assert presence_of(points)[1] == pytest.approx(0.75, abs=1e-5)


def test_no_faces_have_no_presence():
    points, presence = presence_of(np.zeros((0, 478, 3), np.float32))
    assert points.shape == (0, 478, 3)
    assert presence.shape == (0,)


def test_the_same_parts_make_the_same_bytes():
    parts = network([1434, 1])
    assert bundle(b"detector", task_network(parts)) == bundle(b"detector", task_network(parts))


def test_a_bundle_is_stored_plain_with_aligned_content():
    content = bundle(b"d" * 1001, b"n" * 77)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.read(DETECTOR) == b"d" * 1001
        assert archive.read(NETWORK) == b"n" * 77
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<HH", content, entry.header_offset + 26)
            assert (entry.header_offset + 30 + name + extra) % 64 == 0
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
