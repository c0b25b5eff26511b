"""A published pair on disk around a network written by hand, made in milliseconds."""

import json
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper, numpy_helper

from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile
from facepipe.training.formats import Published

NAME = "ann_to_bob_lora"
PX = 128


def network(*nodes: onnx.NodeProto, **constants: np.ndarray) -> bytes:
    """An inswapper-contract file of such nodes, from `target` and `person` (N, 512) to `output`."""
    square = ("batch", 3, PX, PX)
    held = {**constants, "emap": np.eye(512, dtype=np.float32)}
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["source", "emap"], ["person"]), *nodes],
        "by_hand",
        [
            helper.make_tensor_value_info("target", TensorProto.FLOAT, square),
            helper.make_tensor_value_info("source", TensorProto.FLOAT, ("batch", 512)),
        ],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, square)],
        [numpy_helper.from_array(values, name) for name, values in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def tinting_network(gain: np.ndarray, tint: np.ndarray) -> bytes:
    """Draws `target * gain + person @ tint`: gain `(1, 3, 1 or S, 1 or S)`, tint `(512, 3)`."""
    return network(
        helper.make_node("MatMul", ["person", "tint"], ["colour"]),
        helper.make_node("Unsqueeze", ["colour", "axes"], ["shade"]),
        helper.make_node("Mul", ["target", "gain"], ["lit"]),
        helper.make_node("Add", ["lit", "shade"], ["output"]),
        gain=gain.astype(np.float32),
        tint=tint.astype(np.float32),
        axes=np.array([2, 3]),
    )


def publish(folder: Path, content: bytes, embedding: np.ndarray, faces: FaceSet) -> Published:
    """Write what an export reads."""
    model = folder / "model"
    model.mkdir(parents=True)
    crc32 = f"{zlib.crc32(content):08x}"
    record = {"file": f"{NAME}.onnx", "crc32": crc32, "size_bytes": len(content), "parity": {}}
    (model / f"{NAME}.onnx").write_bytes(content)
    (model / f"{NAME}.hash").write_text(crc32)
    (model / f"{NAME}.json").write_text(json.dumps(record))
    faces.save(folder / "faces", pd.DataFrame())
    profile = Profile(
        id="ann",
        name="ann",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        source_files=["a.mp4"],
        embedding_mean=embedding.tolist(),
        embedding_std=np.zeros(512).tolist(),
        quality_stats={"num_frames": len(faces)},
    )
    profile.save(folder / "profile.json")
    return Published(model, folder / "profile.json", folder / "faces")
