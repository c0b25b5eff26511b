"""Files that somebody means harm with: models, arrays and archives that lie."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import onnx
import safetensors.torch
import torch
from onnx import TensorProto, helper

from facepipe.identity.profile import Profile
from facepipe.inference.fetching import unpack_member
from facepipe.inference.lock import LOCK, read_lock
from facepipe.inference.models import ensure_model, register_model
from facepipe.inference.sessions import open_session
from facepipe.landmarks.tracks import Landmarks
from facepipe.occlusion.occluder import read_layout
from facepipe.swapping.contract import kind_of_model, read_contract
from facepipe.training.checkpoint import load_generator
from facepipe.training.onnx_reading import OnnxFile
from facepipe_tests.errors.cases import Case
from facepipe_tests.swapping.clips import tiny_model
from facepipe_tests.training.adapters import random_base

MODEL, ARRAYS = "model.onnx", "landmarks.npz"
Reader = Callable[[Path], object]


def weights(dims: tuple[int, ...], content: bytes = bytes(16)) -> TensorProto:
    """Weights that say how many they are, whatever is there."""
    return TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, raw_data=content)


def elsewhere(location: str, dims: tuple[int, ...] = (4,)) -> TensorProto:
    """Weights that lie in another file."""
    told = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims)
    told.data_location = TensorProto.EXTERNAL
    told.external_data.add(key="location", value=location)
    return told


def network(held: TensorProto, opset: int = 17) -> onnx.ModelProto:
    """A graph that adds weights to what comes in."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [given], [made], [held])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def swapper(tail: TensorProto) -> onnx.ModelProto:
    """In the inswapper contract, but for its last weights."""
    given = [
        helper.make_tensor_value_info("target", TensorProto.FLOAT, ["N", 3, 128, 128]),
        helper.make_tensor_value_info("source", TensorProto.FLOAT, ["N", 512]),
    ]
    made = helper.make_tensor_value_info("output", TensorProto.FLOAT, None)
    node = helper.make_node("Identity", ["target"], ["output"])
    return helper.make_model(helper.make_graph([node], "g", given, [made], [tail]))


def opened(model: onnx.ModelProto | bytes, read: Reader = open_session) -> Callable[[Path], str]:
    """Try to read a model beside which, and above which, other files lie."""

    def tried(folder: Path) -> str:
        inner = folder / "models"
        inner.mkdir()
        (folder / "secret.bin").write_bytes(bytes(1 << 20))
        (inner / "link.bin").symlink_to("/etc/passwd")
        content = model if isinstance(model, bytes) else model.SerializeToString()
        (inner / MODEL).write_bytes(content)
        return str(read(inner / MODEL))

    return tried


def npy(shape: tuple[int, ...], content: bytes = b"", kind: str = "<f4") -> bytes:
    """An array file whose head says what it likes."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head += b" " * (63 - (len(head) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + content


NAMES = (
    "points_px", "score", "track_id", "bridged", "source", "frame_index", "pts_s", "scene",
    "size_wh", "time_base", "sources",
)  # fmt: skip


def arrays(content: bytes | None, **others: bytes) -> Callable[[Path], str]:
    """Try to read landmarks in which every array is the same few bytes, but for some."""

    def tried(folder: Path) -> str:
        path = folder / ARRAYS
        if content is None:
            path.write_bytes(pickle.dumps({"points_px": 1}))
        else:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in NAMES:
                    archive.writestr(f"{name}.npy", others.get(name, content))
        return str(Landmarks.load(path))

    return tried


def bomb(folder: Path) -> str:
    """An archive that says, as a bomb does, that it unpacks to two gigabytes."""
    path = folder / ARRAYS
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            archive.writestr(f"{name}.npy", npy((0,)))
        archive.getinfo("points_px.npy").file_size = 1 << 31
    return str(Landmarks.load(path))


def lying_head(folder: Path) -> str:
    """Safetensors whose head is as large as it says: nine exabytes."""
    place = random_base(folder / "base") / "model.safetensors"
    place.write_bytes((1 << 63).to_bytes(8, "little") + place.read_bytes()[8:])
    return str(load_generator(folder / "base"))


def lying_offsets(folder: Path) -> str:
    """Safetensors one of whose tensors reaches far beyond the end."""
    place = random_base(folder / "base") / "model.safetensors"
    content = place.read_bytes()
    length = int.from_bytes(content[:8], "little")
    told = json.loads(content[8 : 8 + length])
    first = next(name for name in told if name != "__metadata__")
    told[first]["data_offsets"] = [0, 1 << 40]
    head = json.dumps(told).encode()
    place.write_bytes(len(head).to_bytes(8, "little") + head + content[8 + length :])
    return str(load_generator(folder / "base"))


def pickled(folder: Path) -> str:
    """Torch's own format, which runs what it holds."""
    place = random_base(folder / "base") / "model.safetensors"
    torch.save(safetensors.torch.load_file(place), folder / "model.pth")
    (folder / "model.pth").rename(place)
    return str(load_generator(folder / "base"))


def archive(name: str, content: bytes = b"weights", link: bool = False) -> Callable[[Path], str]:
    """Try to take a model out of an archive; nothing else of it may land anywhere."""

    def tried(folder: Path) -> str:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (0o120777 if link else 0o100644) << 16
        with zipfile.ZipFile(folder / "pack.zip", "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr(entry, content)
        inner = folder / "models"
        inner.mkdir()
        try:
            unpack_member(folder / "pack.zip", "w600k_r50.onnx", inner / "kept.onnx", sha256="0")
        finally:
            assert sorted(path.name for path in folder.iterdir()) == ["models", "pack.zip"]
            assert list(inner.iterdir()) == []
        return "taken"

    return tried


def registered(folder: Path) -> str:
    """A model that was changed after it was registered."""
    kept = register_model("mine", tiny_model(folder / MODEL), "my own", folder / "models")
    kept.write_bytes(kept.read_bytes() + b"\0")
    return str(ensure_model("mine", folder / "models"))


def text(name: str, content: str, read: Reader) -> Callable[[Path], str]:
    """Try to read a file of ours that was written anew by hand."""

    def tried(folder: Path) -> str:
        (folder / name).write_text(content)
        return str(read(folder / name))

    return tried


def polyglot() -> bytes:
    """An ONNX file that is a zip as well."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as file:
        file.writestr("../../escaped.txt", "out")
    return network(weights((4,))).SerializeToString() + kept.getvalue()


HUGE = (1 << 36,)
OUTSIDE = "../secret.bin"
CASES = (
    Case("models", "weights outside the model's folder", opened(network(elsewhere(OUTSIDE))),
         2, "escapes model directory"),
    Case("models", "weights under an absolute path", opened(network(elsewhere("/etc/passwd"))), 2,
         "Absolute path not allowed"),
    Case("models", "weights behind a link out of the folder",
         opened(network(elsewhere("link.bin", (1,)))), 2, "escapes model directory"),
    Case("models", "swapper whose emap is another file",
         opened(swapper(elsewhere(OUTSIDE, (512, 512))), read_contract), 2,
         "in another file"),
    Case("models", "ArcFace model whose weights are another file",
         opened(network(elsewhere(OUTSIDE)), OnnxFile), 2, "in another file"),
    Case("models", "occluder whose weights are another file",
         opened(network(elsewhere(OUTSIDE)), read_layout), 2, "in another file"),
    Case("models", "weights that claim 256 GiB", opened(network(weights(HUGE)), kind_of_model), 2,
         "are there"),
    Case("models", "emap that claims more than is there",
         opened(swapper(weights((512, 512))), read_contract), 2, "are there"),
    Case("models", "opset that nobody knows yet", opened(network(weights((4,)), 99)), 2,
         "cannot be run"),
    Case("models", "pickled .pth called .onnx", opened(pickle.dumps({"w": [0.0] * 9})), 2,
         "cannot be run"),
    Case("models", "ONNX file that is a zip as well", opened(polyglot(), kind_of_model), 2,
         "not an ONNX file"),
    Case("models", "text called .onnx", opened(b"this is no model", kind_of_model), 2,
         "not an ONNX file"),
    Case("models", "registered model changed since", registered, 2, "register it again"),
    Case("models", "safetensors whose head claims exabytes", lying_head, 2, "is damaged"),
    Case("models", "safetensors that reach beyond their end", lying_offsets, 2, "is damaged"),
    Case("models", "pickled .pth called .safetensors", pickled, 2, "is damaged"),
    Case("archives", "archive without the model", archive("other.onnx"), 2, "holds no w600k_r50"),
    Case("archives", "member named out of the folder", archive("../../w600k_r50.onnx"), 2,
         "refused, its sha256"),
    Case("archives", "member that is a link", archive("w600k_r50.onnx", b"/etc/passwd", link=True),
         2, "refused, its sha256"),
    Case("archives", "no archive", text("pack.zip", "no zip", lambda path: unpack_member(
        path, "a", path.with_name("b"), sha256="0")), 2, "damaged"),
    Case("arrays", "no file", lambda folder: str(Landmarks.load(folder / ARRAYS)), 2, "No such"),
    Case("arrays", "pickle", arrays(None), 2, "not a zip"),
    Case("arrays", "array that claims 256 GiB", arrays(npy((0,)), score=npy(HUGE)), 2,
         "not as large as it says"),
    Case("arrays", "array of pickled objects",
         arrays(npy((0,)), score=npy((1,), pickle.dumps(1), "|O")), 2, "holds objects"),
    Case("arrays", "array without a head", arrays(b"\x93NUM"), 2, "cannot be read as arrays"),
    Case("arrays", "archive that unpacks to 2 GiB", bomb, 2, "would unpack to"),
    Case("records", "damaged profile", text("profile.json", '{"id": 3}', Profile.load), 2, "id"),
    Case("records", "damaged list of models", text(LOCK, "{", lambda path: read_lock(path.parent)),
         2, "damaged"),
)  # fmt: skip
