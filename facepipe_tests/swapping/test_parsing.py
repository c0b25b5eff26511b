"""A face parser: what it sees as face is swapped, and a file of another layout is refused."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from facepipe.errors import ModelFileError
from facepipe.media.decode import Frame
from facepipe.swapping.parsing import CLASSES, FaceParser
from facepipe.swapping.place import place_of
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import Painter, frame_of

SKIN, HAIR = CLASSES.index("skin"), CLASSES.index("hair")


def tiny_parser(path, *, classes=19, size_px=512, batch=1, names=("input", "out"), more=()):
    """A parser that sees skin where a picture is bright in red, and hair where it is not."""
    weights = np.zeros((classes, 3, 1, 1), np.float32)
    bias = np.full(classes, -100, np.float32)
    weights[SKIN % classes, 0], weights[HAIR % classes, 0] = 1, -1
    bias[[SKIN % classes, HAIR % classes]] = 0

    def value(name, channels):
        shape = [batch, channels, size_px, size_px]
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [helper.make_node("Conv", [names[0], "w", "b"], [names[1]])]
    nodes += [helper.make_node("Identity", [names[0]], [name]) for name in more]
    graph = helper.make_graph(
        nodes,
        "parser",
        [value(names[0], 3)],
        [*(value(name, 3) for name in more), value(names[1], classes)],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="module")
def place():
    """A face whose left half, in the picture, is dark."""
    frame, points = frame_of(mesh_points())
    middle = round(float(points[1, 0]))
    frame = np.full_like(frame, 230)
    frame[:, :middle] = 10
    return place_of(Frame(0, 0.0, 0, frame), points, Painter())


@pytest.mark.parametrize("batch", [1, "N"])
def test_only_what_the_parser_sees_as_face_is_shown(place, tmp_path, batch):
    mask = FaceParser(tiny_parser(tmp_path / "p.onnx", batch=batch), "cpu", 1).visible(place)
    assert mask.shape == (128, 128)
    middle = round(float(place.points_px[1, 0]))
    assert mask[20:110, : middle - 4].max() == 0
    assert mask[20:110, middle + 4 : 120].min() > 0.99


def test_inputs_and_outputs_are_found_by_shape_under_any_name(place, tmp_path):
    plain = FaceParser(tiny_parser(tmp_path / "p.onnx"), "cpu", 1).visible(place)
    path = tiny_parser(tmp_path / "q.onnx", names=("x.1", "scores"), more=("other",))
    np.testing.assert_array_equal(FaceParser(path, "cpu", 1).visible(place), plain)


@pytest.mark.parametrize(
    "layout", [{"classes": 11}, {"size_px": 256}, {"batch": 4}], ids=["classes", "size", "batch"]
)
def test_another_layout_is_refused_with_what_came_and_what_is_needed(tmp_path, layout):
    path = tiny_parser(tmp_path / "p.onnx", names=("picture", "maps"), **layout)
    with pytest.raises(ModelFileError) as refused:
        FaceParser(path, "cpu", 1)
    told = str(refused.value)
    for part in (str(path), "picture [", "maps [", "[N, 3, 512, 512]", "[N, 19, 512, 512]"):
        assert part in told
    assert "\n" not in told


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no such"):
        FaceParser(tmp_path / "none.onnx")
