"""ONNX files laid out like ArcFace models, with few and random weights."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

_CHANNELS = 8


class Layers:
    """Nodes and weights of a growing graph; each method appends and names what it appended."""

    def __init__(self, seed=0):
        self.nodes, self.held, self.rng = [], [], np.random.default_rng(seed)

    def hold(self, array):
        name = f"held_{len(self.held)}"
        self.held.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape):
        return self.hold(
            self.rng.normal(0, 1 / np.sqrt(max(1, np.prod(shape[1:]))), shape).astype("f4")
        )

    def node(self, kind, *inputs, **attributes):
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def norm(self, features, channels, pictures):
        """Normalise features by what they are of pictures, as training does, and scale them."""
        seen = self.run(features, pictures).swapaxes(0, 1).reshape(channels, -1)
        scale, shift = (self.rng.normal(size=channels).astype("f4") / 4 for _ in range(2))
        held = [self.hold(array) for array in (1 + scale, shift, seen.mean(1), seen.var(1))]
        return self.node("BatchNormalization", features, *held, epsilon=1e-3)

    def run(self, made, pictures):
        """What the graph so far makes of pictures."""
        model = self.model(made, None, pictures.shape[1:], "N").SerializeToString()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return session.run([made], {"in": pictures})[0]

    def model(self, made, shape, given, batch):
        graph = helper.make_graph(
            self.nodes,
            "small",
            [helper.make_tensor_value_info("in", TensorProto.FLOAT, [batch, *given])],
            [helper.make_tensor_value_info(made, TensorProto.FLOAT, shape and [batch, *shape])],
            self.held,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def file(self, path, made, shape, *, given=(3, 112, 112), batch="N"):
        """Write what makes `made` `(N, *shape)` of an input `in` `(N, *given)`."""
        model = self.model(made, shape, given, batch)
        onnx.checker.check_model(model, full_check=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, str(path))
        return path


def small_arcface(path, *, seed=0, batch="N", scales_itself=False, last=None):
    """An iresnet's and a MobileFaceNet's kinds of layers, 112 px in and 512 numbers out.

    `scales_itself` lets it take grades as they are, as MXNet's exports do; `last` is the kind of a
    further node at the end.
    """
    net, features = Layers(seed), "in"
    pictures = net.rng.random((8, 3, 7, 7)).repeat(16, 2).repeat(16, 3).astype("f4") * 255
    pictures = pictures if scales_itself else (pictures - 127.5) / 127.5
    if scales_itself:
        middle, scale = (net.hold(np.float32(number)) for number in (127.5, 1 / 128))
        net.nodes.append(helper.make_node("Sub", ["in", middle], ["centred"], name="_minusscalar0"))
        net.nodes.append(
            helper.make_node("Mul", ["centred", scale], ["scaled"], name="_mulscalar0")
        )
        features = "scaled"
    stem = [net.weights(_CHANNELS, 3, 3, 3), net.weights(_CHANNELS)]
    features = net.node("Conv", features, *stem, pads=[1, 1, 1, 1], strides=[2, 2])
    features = net.norm(features, _CHANNELS, pictures)
    slopes = net.hold(net.rng.uniform(0.1, 0.4, (_CHANNELS, 1, 1)).astype("f4"))
    features = net.node("PRelu", features, slopes)
    features = net.node("AveragePool", features, kernel_shape=[2, 2], strides=[2, 2])
    inner = net.node(
        "Conv", features, net.weights(_CHANNELS, 1, 3, 3), group=_CHANNELS, pads=[1, 1, 1, 1]
    )
    inner = net.node("Relu", net.norm(inner, _CHANNELS, pictures))
    asked = net.node("GlobalAveragePool", inner)
    asked = net.node("Sigmoid", net.node("Conv", asked, net.weights(_CHANNELS, _CHANNELS, 1, 1)))
    features = net.node("Add", features, net.node("Mul", inner, asked))
    features = net.node("MaxPool", features, kernel_shape=[2, 2], strides=[2, 2])
    flat = net.node("Flatten", net.node("Dropout", features))
    matrix = [net.weights(512, _CHANNELS * 14 * 14), net.weights(512)]
    made = net.norm(net.node("Gemm", flat, *matrix, transB=1), 512, pictures)
    if last:
        made = net.node(last, made)
    return net.file(path, made, (512,), batch=batch)
