"""An ONNX network in float16: its weights and arithmetic, not what goes in and comes out."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper
from onnxruntime.transformers import float16

from facepipe.arrays import FloatArray
from facepipe.errors import VerificationError

MOST_DIFFERENCE = 5e-3
"""What float16 and float32 may differ by in any pixel, of 0..1."""
_BATCHES = (1, 4)
_KEPT_OPERATORS = [
    *float16.DEFAULT_OP_BLOCK_LIST,
    "InstanceNormalization", "ReduceMean", "Sqrt",  # sums of squares overflow at 65504
]  # fmt: skip
_LEARNT = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_ADDED_CASTS = ("_cast_to_fp16_node", "graph_input_cast")


def half_precision(content: bytes) -> bytes:
    """The same network in float16; the same bytes for the same network.

    Inputs and outputs stay float32, and so does the last initializer, which readers of the
    inswapper contract multiply embeddings with.
    """
    model = onnx.load_from_string(content)
    for place, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{place}"
    convert: Any = float16.convert_float_to_float16  # untyped, like all of its package
    half: onnx.ModelProto = convert(
        model,
        keep_io_types=True,
        op_block_list=_KEPT_OPERATORS,
        node_block_list=sorted(_kept_nodes(model.graph)),
    )
    del half.graph.value_info[:]  # as far as they were right, they are inferred again
    _join_kept_nodes(half.graph)
    _tidy(half.graph)
    onnx.checker.check_model(half, full_check=True)
    return half.SerializeToString(deterministic=True)


def half_difference(
    content: bytes, half: bytes, target: FloatArray, source: FloatArray
) -> dict[str, float]:
    """The largest difference of any pixel between two networks, by batch size.

    Every value of the float16 one is rounded to float16, as GPUs do; left alone, ONNX Runtime
    computes it in float32 on a CPU, where it then differs by next to nothing.

    Args:
        content: the float32 network, in the inswapper contract.
        half: the float16 one.
        target: `(N, 3, S, S)` faces to draw over, 0 to 1; repeated to fill a batch.
        source: `(512,)` the person, as the network takes it.

    Raises:
        VerificationError: It is above `MOST_DIFFERENCE`.
    """
    sessions = [_session(content), _session(_rounded(half))]
    found: dict[str, float] = {}
    for count in _BATCHES:
        feed = {
            "target": np.resize(target, (count, *target.shape[1:])),
            "source": np.tile(source, (count, 1)),
        }
        first, second = (np.asarray(session.run(["output"], feed)[0]) for session in sessions)
        found[str(count)] = float(np.abs(first - second).max())
    worst = float(np.max([*found.values()]))
    if not worst <= MOST_DIFFERENCE:  # nor if it is no number
        raise VerificationError(
            f"float16 draws the target's faces differently by {worst:.1e} of 1, and at most "
            f"{MOST_DIFFERENCE:.0e} is allowed: export without --half; nothing was written"
        )
    return found


def _session(content: bytes) -> ort.InferenceSession:
    options: Any = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3  # errors only: a network may leave its emap to the readers
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _rounded(half: bytes) -> bytes:
    """A float16 network in which no two casts meet, so that ONNX Runtime cannot cancel them.

    Copies between them do that; it takes two, as a single one is moved to float32 as well.
    """
    model = onnx.load_from_string(half)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        names = list(node.output)
        node.output[:] = [f"{name}.computed" for name in names]
        nodes.append(node)
        for name in names:
            nodes.append(helper.make_node("Identity", [f"{name}.computed"], [f"{name}.copied"]))
            nodes.append(helper.make_node("Identity", [f"{name}.copied"], [name]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model.SerializeToString()


def _kept_nodes(graph: onnx.GraphProto) -> Iterator[str]:
    """Nodes that stay float32: what the last initializer enters, and all that places samples."""
    last = graph.initializer[-1].name
    yield from (node.name for node in graph.node if last in node.input)
    # eleven bits place a point of a 128 px square no better than 0.03 px, which edges show
    makers = {name: node for node in graph.node for name in node.output}
    samplers = [node for node in graph.node if node.op_type == "GridSample"]
    yield from (node.name for node in samplers)
    waiting, seen = [node.input[1] for node in samplers], set[str]()
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is not None and maker.op_type not in _LEARNT and maker.name not in seen:
            seen.add(maker.name)
            waiting += maker.input
    yield from seen


def _join_kept_nodes(graph: onnx.GraphProto) -> None:
    """Let kept nodes hand float32 to each other, which the conversion rounds on the way."""
    makers = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        for place, name in enumerate(node.input):
            widened = makers.get(name)
            if widened is None or not widened.name.endswith("_cast_to_fp32_node"):
                continue
            rounded = makers.get(widened.input[0])
            if rounded is not None and any(part in rounded.name for part in _ADDED_CASTS):
                node.input[place] = rounded.input[0]


def _tidy(graph: onnx.GraphProto) -> None:
    """Put every node after those it needs, as ONNX wants it, and drop those nothing needs."""
    there = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    waiting, ordered = list(graph.node), list[onnx.NodeProto]()
    while waiting:
        late: list[onnx.NodeProto] = []
        for node in waiting:
            ready = there.issuperset(name for name in node.input if name)
            (ordered if ready else late).append(node)
            there.update(node.output if ready else ())
        waiting = late
    needed = {value.name for value in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(ordered):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
