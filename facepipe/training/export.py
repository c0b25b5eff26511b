"""Trained models as ONNX files that InsightFace, FaceFusion and the swap room read."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import numpy_helper

from facepipe.arrays import FloatArray
from facepipe.errors import VerificationError
from facepipe.files import write_whole
from facepipe.provenance.digests import IDENTITY_MEDIA
from facepipe.training.adapter import load_adapter, merged
from facepipe.training.checkpoint import (
    AnyGenerator,
    best_of,
    load_generator,
    weights_digest,
)
from facepipe.training.generator import EMBEDDING
from facepipe.training.inswapper import Inswapper
from facepipe.training.inswapper_graph import inswapper_layout_bytes
from facepipe.training.onnx_graph import inswapper_bytes
from facepipe.training.onnx_nodes import OPSET

MOST_DIFFERENCE = 1e-4
"""What torch and onnxruntime may differ by in any pixel, of 0..1."""
_BATCHES = (1, 4)


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how near it is to what was trained.

    Attributes:
        file: name of the ONNX file.
        crc32: WatserFace's hash of it, as in the `.hash` file.
        size_bytes: its size.
        parameters: numbers in the network.
        opset: of the graph.
        parity: largest difference between torch and onnxruntime, by batch size.
        base_sha256: of the identity model's weights.
        lineage: whatever the caller says the model was made from.
    """

    file: str
    crc32: str
    size_bytes: int
    parameters: int
    opset: int
    parity: dict[str, float]
    base_sha256: str
    lineage: dict[str, Any]


def export_identity(
    checkpoint: Path,
    out: Path,
    name: str = "model",
    lineage: Mapping[str, Any] | None = None,
    most_difference: float = MOST_DIFFERENCE,
) -> ExportReport:
    """Write `<name>.onnx`, `.hash` and `.json` of an identity model to the folder `out`.

    `checkpoint` is what `train_identity` left; its `best/` is taken.

    Raises:
        ModelFileError: `checkpoint` holds no identity model.
        VerificationError: onnxruntime draws something else; what `out` held stays.
    """
    place = best_of(checkpoint)
    made_from = {"base_sha256": weights_digest(place), "lineage": dict(lineage or {})}
    return _export(load_generator(place), out, name, made_from, most_difference)


def export_lora(
    base: Path,
    adapter: Path,
    out: Path,
    name: str,
    lineage: Mapping[str, Any] | None = None,
    most_difference: float = MOST_DIFFERENCE,
) -> ExportReport:
    """Write `<name>.onnx`, `.hash` and `.json` of an adapter merged into its base, to `out`.

    `base` and `adapter` are what `train_identity` and `train_lora` left; the `best/` of each is
    taken. The name should end in `_lora`, which is how WatserFace finds such files.

    Raises:
        ModelFileError: A file is missing, or the adapter was trained on another base.
        VerificationError: onnxruntime draws something else; what `out` held stays.
    """
    place = best_of(base)
    made_from = {"base_sha256": weights_digest(place), "lineage": dict(lineage or {})}
    network = merged(load_adapter(place, best_of(adapter)))
    return _export(network, out, name, made_from, most_difference)


def _export(
    network: AnyGenerator, out: Path, name: str, made_from: dict[str, Any], most_difference: float
) -> ExportReport:
    report, files = model_files(network, name, made_from, most_difference)
    for file, content in files.items():
        write_whole(out / file, content)
    return report


def model_files(
    network: AnyGenerator,
    name: str,
    made_from: Mapping[str, Any],
    most_difference: float = MOST_DIFFERENCE,
) -> tuple[ExportReport, dict[str, bytes]]:
    """`<name>.onnx`, `.hash` and `.json` of a network on the CPU, as files for a folder.

    `made_from` gives the report's `base_sha256` and `lineage`; the first, and the second's
    `IDENTITY_MEDIA`, are told by the ONNX file itself as well.

    Raises:
        VerificationError: onnxruntime draws something else.
    """
    lineage: Mapping[str, Any] = made_from["lineage"]
    known = {IDENTITY_MEDIA: lineage[IDENTITY_MEDIA]} if IDENTITY_MEDIA in lineage else {}
    content = _content(network, {"base_sha256": made_from["base_sha256"], **known})
    parity = {str(count): _difference(network, content, count) for count in _BATCHES}
    worst = max(parity.values())
    if not worst <= most_difference:
        raise VerificationError(
            f"{name}.onnx differs from the trained model by {worst:.2e}; "
            f"at most {most_difference:.0e} is allowed; the previous file, if any, is kept"
        )
    report = ExportReport(
        file=f"{name}.onnx",
        crc32=format(zlib.crc32(content), "08x"),
        size_bytes=len(content),
        parameters=sum(p.numel() for p in network.parameters()),
        opset=OPSET,
        parity=parity,
        **made_from,
    )
    described = json.dumps(asdict(report), indent=1, sort_keys=True) + "\n"
    return report, {
        f"{name}.onnx": content,
        f"{name}.hash": report.crc32.encode(),
        f"{name}.json": described.encode(),
    }


def _content(network: AnyGenerator, facts: dict[str, str]) -> bytes:
    if isinstance(network, Inswapper):
        return inswapper_layout_bytes(network, facts)
    return inswapper_bytes(network, facts)


def _difference(network: AnyGenerator, content: bytes, count: int) -> float:
    """The largest difference between torch and onnxruntime on `count` random faces."""
    rng = np.random.default_rng(0)
    target = rng.random((count, 3, network.pixels, network.pixels), np.float32)
    source = rng.standard_normal((count, EMBEDDING), np.float32)
    source /= np.linalg.norm(source, axis=1, keepdims=True)
    # as readers of the file do it
    latent = source @ numpy_helper.to_array(onnx.load_from_string(content).graph.initializer[-1])
    latent /= np.linalg.norm(latent, axis=1, keepdims=True)
    options: Any = ort.SessionOptions()
    options.log_severity_level = 3  # errors only: a network may leave its emap to the readers
    session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    drawn: FloatArray = np.asarray(session.run(["output"], {"target": target, "source": latent})[0])
    with torch.no_grad():
        wanted = network(torch.from_numpy(target), torch.from_numpy(source)).rgb.numpy()
    return float(np.abs(drawn - wanted).max())
