"""Occluder files written by hand: they say what one colour of each pixel is."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

BLUE, GREEN, RED = range(3)


def colour_file(path, channel=GREEN, names=("input", "output"), side=256, gain=1.0):
    """An occluder whose mask is `gain` times a channel of what it is fed, blue first."""
    square = ("batch", side, side)
    graph = helper.make_graph(
        [
            helper.make_node("Gather", [names[0], "channel"], ["found"], axis=3),
            helper.make_node("Mul", ["found", "gain"], [names[1]]),
        ],
        "by_hand",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, (*square, 3))],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, (*square, 1))],
        [
            numpy_helper.from_array(np.array([channel]), "channel"),
            numpy_helper.from_array(np.array(gain, np.float32), "gain"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.save(model, str(path))
    return path
