"""Occluder networks as files: weights, and ONNX in FaceFusion's and DeepFaceLab's layouts."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import safetensors
import safetensors.torch
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from facepipe.errors import ModelFileError, VerificationError
from facepipe.files import write_whole
from facepipe.occlusion.contract import INPUT_PX, LAYOUTS
from facepipe.training.checkpoint import best_of
from facepipe.training.occluder_network import (
    GROUP,
    BasicBlock,
    Joining,
    Normed,
    OccluderNetwork,
    OccluderShape,
)
from facepipe.training.onnx_nodes import OPSET, Nodes

WEIGHTS, SHAPE = "occluder.safetensors", "occluder.json"
MOST_DIFFERENCE = 1e-4


def save_occluder(folder: Path, network: OccluderNetwork) -> None:
    """Write weights and shape of a network.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    tensors = {name: p.detach().cpu().contiguous() for name, p in network.state_dict().items()}
    write_whole(folder / WEIGHTS, safetensors.torch.save(tensors, metadata={"format": "pt"}))
    write_whole(folder / SHAPE, json.dumps(asdict(network.shape), sort_keys=True) + "\n")


def load_occluder(folder: Path) -> OccluderNetwork:
    """The network in `folder`, on the CPU, ready to look.

    Raises:
        ModelFileError: A file is missing, or they do not fit each other.
    """
    try:
        described: dict[str, Any] = json.loads((folder / SHAPE).read_text())
        blocks = tuple(described.pop("blocks"))
        shape = OccluderShape(**described, blocks=blocks)
        network = OccluderNetwork(shape)
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelFileError(f"{folder} holds no usable occluder ({error})") from error
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{folder / WEIGHTS} is damaged ({error})") from error
    return network.eval()


def occluder_files(network: OccluderNetwork, facts: dict[str, str]) -> dict[str, bytes]:
    """`<layout>.onnx` of a network on the CPU for each layout, as torch computes it.

    Raises:
        VerificationError: onnxruntime finds other masks.
    """
    files: dict[str, bytes] = {}
    for layout, names in LAYOUTS.items():
        content = occluder_bytes(network, names, facts)
        worst = difference(network, content)
        if not worst <= MOST_DIFFERENCE:
            raise VerificationError(
                f"{layout}.onnx differs from the trained occluder by {worst:.2e}; "
                f"at most {MOST_DIFFERENCE:.0e} is allowed; the previous file, if any, is kept"
            )
        files[f"{layout}.onnx"] = content
    return files


def shares(network: OccluderNetwork, rgb: Tensor) -> Tensor:
    """How much of each pixel `(N, 1, 256, 256)` of squares `(N, 3, 256, 256)` shows the face."""
    fewer = INPUT_PX // network.shape.pixels
    logits = network(avg_pool2d(rgb, fewer))
    return interpolate(logits, scale_factor=float(fewer), mode="bilinear").sigmoid()


def occluder_files_of(checkpoint: Path, facts: dict[str, str]) -> dict[str, bytes]:
    """The same of what `train_occluder` left; its `best/` is taken. Raises as `load_occluder`."""
    return occluder_files(load_occluder(best_of(checkpoint)), facts)


def export_occluder(checkpoint: Path, out: Path, facts: dict[str, str]) -> None:
    """Write them to the folder `out`.

    Raises:
        ModelFileError: `checkpoint` holds no occluder.
        VerificationError: onnxruntime finds other masks; what `out` held stays.
    """
    for name, content in occluder_files_of(checkpoint, facts).items():
        write_whole(out / name, content)


def difference(network: OccluderNetwork, content: bytes) -> float:
    """The largest difference between torch's shares and onnxruntime's on random squares."""
    rng = np.random.default_rng(0)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = 0.0
    for count in (1, 3):
        bgr = rng.random((count, INPUT_PX, INPUT_PX, 3), np.float32)
        rgb = torch.from_numpy(np.ascontiguousarray(bgr[..., ::-1].transpose(0, 3, 1, 2)))
        with torch.no_grad():
            wanted = shares(network.eval(), rgb).numpy().transpose(0, 2, 3, 1)
        found: Any = session.run(None, {session.get_inputs()[0].name: bgr})[0]
        worst = max(worst, float(np.abs(found - wanted).max()))
    return worst


def occluder_bytes(
    network: OccluderNetwork, names: tuple[str, str], facts: dict[str, str]
) -> bytes:
    """An ONNX file that takes `(N, 256, 256, 3)`, BGR in 0..1, to `(N, 256, 256, 1)`, 1 = face."""
    graph = _Graph()
    graph.whole(network, *names)
    sides = ("batch", INPUT_PX, INPUT_PX)
    described = helper.make_graph(
        graph.nodes,
        "facepipe_occluder",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, (*sides, 3))],
        [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, (*sides, 1))],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(described, opset_imports=opsets, producer_name="facepipe")
    model.ir_version = 9
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


class _Graph(Nodes):
    """The nodes of an occluder."""

    def whole(self, network: OccluderNetwork, taken: str, given: str) -> None:
        """From squares as readers feed them to shares as they expect them."""
        planes = self.node("Transpose", taken, perm=[0, 3, 1, 2])
        rgb = self.node("Gather", planes, self.numbers("rgb_from_bgr", [2, 1, 0]), axis=1)
        spread = self.node("Mul", rgb, self.number("spread", 4.0))
        centred = self.node("Sub", spread, self.number("centre", 2.0))
        fewer = INPUT_PX // network.shape.pixels
        if fewer > 1:
            centred = self.node(
                "AveragePool", centred, kernel_shape=[fewer] * 2, strides=[fewer] * 2
            )
        side = network.shape.pixels // 2
        features = self.node("Relu", self.normed(network.stem, centred, "stem", side))
        known = [(features, side)]
        features = self.node("MaxPool", features, kernel_shape=[2, 2], strides=[2, 2])
        side //= 2
        for place, stage in enumerate(network.stages):
            side = side // 2 if place else side
            for number, block in enumerate(_parts(stage)):
                features = self.block(block, features, f"stages.{place}.{number}", side)
            known.append((features, side))
        features, _ = known.pop()
        for place, joining in enumerate(network.joinings):
            fine, side = known.pop()
            features = self.joining(joining, features, fine, (f"joinings.{place}", side))
        logits = self.layer(network.finer, self.layer(network.last, features, "last"), "finer")
        if fewer > 1:
            logits = self.larger(logits, fewer)
        shares = self.node("Sigmoid", logits)
        self.node("Transpose", shares, perm=[0, 2, 3, 1], name=given)

    def block(self, block: nn.Module, features: str, name: str, side: int) -> str:
        assert isinstance(block, BasicBlock)  # noqa: S101
        inner = self.node("Relu", self.normed(block.first, features, f"{name}.first", side))
        inner = self.normed(block.second, inner, f"{name}.second", side)
        past = features
        if block.past is not None:
            past = self.normed(block.past, features, f"{name}.past", side)
        return self.node("Relu", self.node("Add", inner, past))

    def joining(self, part: nn.Module, coarse: str, fine: str, where: tuple[str, int]) -> str:
        assert isinstance(part, Joining)  # noqa: S101
        joined = self.node("Concat", self.larger(coarse, 2), fine, axis=1)
        return self.node("Relu", self.normed(part.mix, joined, f"{where[0]}.mix", where[1]))

    def normed(self, part: Normed, features: str, name: str, side: int) -> str:
        """The convolution, then the norm of each group: ONNX normalises single planes."""
        conv, norm = part.conv, part.norm
        weight = self.hold(f"{name}.conv.weight", conv.weight)
        pad = int(conv.padding[0])
        out = self.node("Conv", features, weight, pads=[pad] * 4, strides=list(conv.stride))
        groups, count = norm.num_groups, norm.num_channels
        grouped = self.numbers(f"grouped_{groups}_{side}", [-1, groups, GROUP * side * side])
        plain = self.numbers(f"plain_{count}_{side}", [-1, count, side, side])
        ones = self.hold(f"ones_{groups}", np.ones(groups, np.float32))
        zeros = self.hold(f"zeros_{groups}", np.zeros(groups, np.float32))
        calm = self.node(
            "InstanceNormalization",
            self.node("Reshape", out, grouped),
            ones,
            zeros,
            epsilon=norm.eps,
        )
        calm = self.node("Reshape", calm, plain)
        scale = self.hold(f"{name}.norm.weight", _spread(norm.weight))
        shift = self.hold(f"{name}.norm.bias", _spread(norm.bias))
        return self.node("Add", self.node("Mul", calm, scale), shift)


def _parts(stage: nn.Module) -> list[nn.Module]:
    return list(stage.children())


def _spread(values: Tensor) -> Tensor:
    return values[:, None, None]
