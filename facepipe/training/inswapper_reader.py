"""Read weights from any ONNX file in inswapper_128's layout, whatever its parts are called.

Layers are found by where they stand in the data's way: convolutions in their order, each style by
the convolution it follows. That all in between does what the layout does is seen by running both
on the same input and comparing what comes out of every convolution, and at the end.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from facepipe.arrays import FloatArray
from facepipe.errors import VerificationError
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.training.generator import EMBEDDING
from facepipe.training.inswapper import Inswapper, InswapperSettings, empty_inswapper
from facepipe.training.inswapper_layout import built, check_convolutions, constants, other_layout
from facepipe.training.onnx_reading import OnnxFile, attributes

MOST_DIFFERENCE = 1e-4
"""What torch and onnxruntime may differ by in any pixel, of 0..1."""
_ON_THE_WAY = 1e-3
"""The same after a convolution, as a share of its largest output; another function is far above."""
_ENDS = 8  # convolutions before and after the blocks
_STYLES = [(first, added) for first in (True, False) for added in (0.0, 1.0)]
"""How a style's outputs may be used: scales before shifts or after, and what is added to scales."""


def read_inswapper(path: Path, pixels: int = NETWORK_PX) -> tuple[Inswapper, InswapperSettings]:
    """The network in a file, with its sizes, on the CPU; it draws what onnxruntime draws from it.

    `pixels` is the side of the squares it must draw. Weights in float16 are widened, and compared
    with the same file run in float32.

    Raises:
        ModelFileError: The file is missing, damaged, or laid out otherwise.
        VerificationError: Laid out like it, it draws something else.
    """
    file = OnnxFile(path)
    nodes = [node for node in file.layers if node.op_type == "Conv"]
    settings = replace(_sizes(file, nodes), pixels=pixels)
    network = empty_inswapper(settings)
    check_convolutions(file, nodes, network)
    weights = {"emap": _emap(file), **_convolution_weights(file, nodes, network)}
    asked = _asked(file, nodes, network)
    example = _Example(file, nodes, pixels)
    drawn: list[FloatArray] = []
    for scale_first, added in _STYLES:
        laid = {name: _laid(tensor, scale_first, added) for name, tensor in asked.items()}
        network.load_state_dict({**weights, **laid})
        drawn = example.drawn_by(network)
        if example.off(drawn, _ENDS // 2 + 1) <= _ON_THE_WAY:  # what the first style is seen in
            break
    example.check(drawn)
    return network.eval(), settings


def _sizes(file: OnnxFile, nodes: list[onnx.NodeProto]) -> InswapperSettings:
    count, linear = len(nodes), len(file.layers) - len(nodes)
    if count <= _ENDS or count % 2 or linear != count - _ENDS:
        raise other_layout(
            file,
            f"it has {count} convolutions and {linear} fully connected layers",
            f"{_ENDS} + 2 n and 2 n of them, for n blocks",
        )
    width, blocks = len(constants(file, nodes[0], "convolution 1")[0]), (count - _ENDS) // 2
    epsilons = {e for node in file.makers.values() for e in _added_to_variance(file, node)}
    if len(epsilons) != 1:
        found = sorted(epsilons) or "nothing"
        raise other_layout(file, f"to the variances it adds {found}", "one number for all")
    return InswapperSettings(width, blocks, epsilons.pop())


def _added_to_variance(file: OnnxFile, node: onnx.NodeProto) -> list[float]:
    if node.op_type == "InstanceNormalization":
        return [float(attributes(node).get("epsilon", 1e-5))]
    inner = file.makers.get(node.input[0]) if node.op_type == "Sqrt" else None
    if inner is None or inner.op_type != "Add":
        return []
    values = [file.constant(given) for given in inner.input]
    return [float(value.reshape(-1)[0]) for value in values if value is not None]


def _convolution_weights(
    file: OnnxFile, nodes: list[onnx.NodeProto], network: Inswapper
) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for (name, _), node in zip(built(network), nodes, strict=True):
        weight, bias = constants(file, node, name)
        found |= {f"{name}.weight": _tensor(weight), f"{name}.bias": _tensor(bias)}
    return found


def _asked(file: OnnxFile, nodes: list[onnx.NodeProto], network: Inswapper) -> dict[str, Tensor]:
    """Weights of the styles' layers, by what the network calls them, as the file has them."""
    names = [name for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    found: dict[str, Tensor] = {}
    seen: set[str] = set()
    for place, name in enumerate(names):
        after = nodes[_ENDS // 2 + place + 1]
        new = [
            node
            for node in file.before(after.input[0])
            if node.op_type == "Gemm" and node.output[0] not in seen
        ]
        where = f"between convolutions {_ENDS // 2 + place + 1} and {_ENDS // 2 + place + 2}"
        if len(new) != 1:
            raise other_layout(file, f"{where} are {len(new)} fully connected layers", "1")
        seen.add(new[0].output[0])
        weight, bias = constants(file, new[0], f"the fully connected layer {where}")
        weight = weight if attributes(new[0]).get("transB", 0) else weight.T
        needed = tuple(network.get_submodule(name).get_parameter("weight").shape)
        if weight.shape != needed or bias.shape != needed[:1]:
            raise other_layout(file, f"the layer {where} has weights {weight.shape}", f"{needed}")
        found |= {f"{name}.weight": _tensor(weight), f"{name}.bias": _tensor(bias)}
    return found


def _laid(asked: Tensor, scale_first: bool, added: float) -> Tensor:
    """A style's weight `(2 C, 512)` or bias `(2 C,)`, scales first and complete."""
    half = len(asked) // 2
    laid = asked if scale_first else asked.roll(half, 0)
    if laid.ndim > 1 or not added:
        return laid
    return torch.cat([laid[:half] + added, laid[half:]])


def _emap(file: OnnxFile) -> Tensor:
    held = file.model.graph.initializer
    last = np.zeros(0, np.float32)
    if held:
        last = numpy_helper.to_array(held[-1]).astype(np.float32)
    if last.shape != (EMBEDDING, EMBEDDING):
        raise other_layout(
            file, f"its last initializer has shape {last.shape}", f"({EMBEDDING}, {EMBEDDING})"
        )
    return _tensor(last)


def _tensor(values: FloatArray) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))  # a copy: files lend theirs read-only


class _Example:
    """One random face and person, and what onnxruntime makes of them, convolution by convolution.

    Raises:
        ModelFileError: The file takes something else.
    """

    def __init__(self, file: OnnxFile, nodes: list[onnx.NodeProto], pixels: int) -> None:
        chance = np.random.default_rng(0)
        self.file, self.nodes = file, nodes
        self.target = chance.random((1, 3, pixels, pixels), np.float32)
        self.source = chance.standard_normal((1, EMBEDDING), np.float32)
        self.source /= np.linalg.norm(self.source)
        # as readers of the file do it
        latent = self.source @ _emap(file).numpy()
        latent /= np.linalg.norm(latent)
        target, source = file.inputs({4: (3, pixels, pixels), 2: (EMBEDDING,)})
        names = [*(node.output[0] for node in nodes), file.model.graph.output[0].name]
        self.wanted = file.run({target: self.target, source: latent}, names)

    def drawn_by(self, network: Inswapper) -> list[FloatArray]:
        """The same of a network in torch."""
        seen: list[FloatArray] = []

        def look(_layer: nn.Module, _given: tuple[Tensor, ...], made: Tensor) -> None:
            seen.append(made.numpy())

        layers = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
        hooks = [layer.register_forward_hook(look) for layer in layers]
        with torch.no_grad():
            rgb = network(torch.from_numpy(self.target), torch.from_numpy(self.source)).rgb
        for hook in hooks:
            hook.remove()
        return [*seen, rgb.numpy()]

    def off(self, drawn: list[FloatArray], place: int) -> float:
        """The largest difference after a convolution, as a share of the largest output."""
        wanted = self.wanted[place]
        return float(np.abs(drawn[place] - wanted).max() / np.abs(wanted).max())

    def check(self, drawn: list[FloatArray]) -> None:
        """Hold everything against what onnxruntime made of it.

        Raises:
            ModelFileError: Something else is done between two convolutions.
            VerificationError: All is as it should be, and yet the picture is another.
        """
        for place, node in enumerate(self.nodes):
            if not self.off(drawn, place) <= _ON_THE_WAY:
                kinds = self.file.kinds_before(node.input[0])
                raise other_layout(
                    self.file,
                    f"before convolution {place + 1} of {len(self.nodes)} something else is done, "
                    f"by {', '.join(kinds)}",
                    "activations, styles, residual sums and bilinear doubling as there",
                )
        worst = float(np.abs(drawn[-1] - self.wanted[-1]).max())
        if not worst <= MOST_DIFFERENCE:
            raise VerificationError(
                f"{self.file.path} draws a face that differs by {worst:.1e} from what its weights "
                f"draw in the layout of inswapper_128; at most {MOST_DIFFERENCE:.0e} is allowed"
            )
