"""A pair's published model in the formats of other programs, as files for a folder of theirs."""

import json
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import onnx
from onnx import numpy_helper

from facepipe.arrays import FloatArray
from facepipe.errors import BadInputError, SettingsError, VerificationError
from facepipe.files import whole_file
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile
from facepipe.landmarks.alignment import NETWORK_PX, cut, network_from_face
from facepipe.training.dfm import dfm_bytes
from facepipe.training.half import half_difference, half_precision

Format = Literal["inswapper", "dfm", "watserface"]
_COMPARED = 4


@dataclass(frozen=True)
class Published:
    """Where what an export needs lies.

    Attributes:
        model: folder with one `.onnx`, its `.hash` and its `.json`.
        profile: the identity's `profile.json`.
        target_faces: folder of the target's faces.
    """

    model: Path
    profile: Path
    target_faces: Path

    @property
    def file(self) -> Path:
        """The model itself."""
        (place,) = self.model.glob("[!.]*.onnx")
        return place


def checked_format(text: str) -> Format:
    """A format by its name.

    Raises:
        SettingsError: There is none of that name.
    """
    if text not in get_args(Format):
        known = ", ".join(get_args(Format))
        raise SettingsError(f"--format {text!r} is unknown; known: {known}")
    return cast(Format, text)


def exported_files(published: Published, kind: Format, *, half: bool) -> dict[str, bytes]:
    """The files of a format: content by path inside the folder they are for.

    - inswapper: `<name>.onnx`, `.hash` (CRC32) and `.json`, for InsightFace and all after it.
    - watserface: model and hash in `.assets/models/trained/`, the profile in
      `models/identities/<id>/`, for WatserFace's own folder; of 128 px squares alone, which is
      what it cuts whatever a file says.
    - dfm: `<name>.dfm` alone, for FaceFusion's `.assets/models/custom/`, where it takes every
      file for a model.

    With `half` the network is float16 and `<name>` ends in `_fp16`.

    Raises:
        VerificationError: The published model is damaged, or float16 differs too much.
        BadInputError: The profile or the faces cannot be read, or the format does not hold
            squares of the model's size.
    """
    content, record = _read_model(published.file)
    name = Path(record["file"]).stem
    _check_size(kind, name, _size_px(content))
    network = content
    if half:
        network, name = half_precision(content), f"{name}_fp16"
        target = _some_faces(published.target_faces, content)
        parity = half_difference(content, network, target, _source(published, content))
        kept = {key: value for key, value in record.items() if key != "parity"}
        record = {**kept, "precision": "float16", "parity_to_float32": parity}
    match kind:
        case "inswapper":
            return _with_hash(name, network) | {f"{name}.json": _described(name, network, record)}
        case "watserface":
            files = _with_hash(f".assets/models/trained/{name}", network)
            return files | _profile_file(published.profile)
        case "dfm":
            points_px = FaceSet.load(published.target_faces).points_px
            facts = {
                "facepipe": json.dumps(record, sort_keys=True),
                "face_type": "whole_face",
                "masks": "fixed: the share of the target's own faces that covers each pixel",
            }
            source = _source(published, content)
            return {f"{name}.dfm": dfm_bytes(network, source, points_px, facts)}


def _check_size(kind: Format, name: str, size_px: int) -> None:
    if kind == "watserface" and size_px != NETWORK_PX:
        raise BadInputError(
            f"{name}.onnx draws squares of {size_px} px and WatserFace cuts {NETWORK_PX} px: train "
            f"with identity/checkpoint.pixels={NETWORK_PX}, or choose --format inswapper or dfm"
        )


def write_files(files: Mapping[str, bytes], folder: Path, *, replace: bool) -> list[Path]:
    """Put all files into `folder`, or none; what is there already with the same content stays.

    Returns their paths.

    Raises:
        BadInputError: `folder` is no folder, or holds another file of such a name and `replace`
            is not given.
        StorageError: The disk is full or the folder may not be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInputError(f"{folder} is a file; a folder to export to is needed")
    paths = {folder / name: content for name, content in files.items()}
    new = {path: content for path, content in paths.items() if not _holds(path, content)}
    taken = [str(path) for path in new if path.exists()]
    if taken and not replace:
        raise BadInputError(
            f"{', '.join(taken)} is there already and differs: "
            f"choose another folder, or give --replace"
        )
    with ExitStack() as all_or_none:
        asides = {path: all_or_none.enter_context(whole_file(path)) for path in new}
        for path, content in new.items():
            asides[path].write_bytes(content)
    return list(paths)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _read_model(place: Path) -> tuple[bytes, dict[str, Any]]:
    """The published network and its record, if they belong together."""
    try:
        content, record = place.read_bytes(), json.loads(place.with_suffix(".json").read_bytes())
        said = {name: record[name] for name in ("crc32", "file")}
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise VerificationError(
            f"{place}: its record {place.stem}.json is damaged; delete its folder and run the "
            f"pair again"
        ) from error
    if said["crc32"] != _crc32(content):
        raise VerificationError(
            f"{place}: its CRC32 is {_crc32(content)}, and its record says {said['crc32']}; "
            f"the file was changed: delete its folder and run the pair again"
        )
    return content, record


def _with_hash(name: str, content: bytes) -> dict[str, bytes]:
    # readers compare the hash file's whole content, so no line may end in it
    return {f"{name}.onnx": content, f"{name}.hash": _crc32(content).encode()}


def _described(name: str, content: bytes, record: Mapping[str, Any]) -> bytes:
    now = {"file": f"{name}.onnx", "crc32": _crc32(content), "size_bytes": len(content)}
    return (json.dumps({**record, **now}, indent=1, sort_keys=True) + "\n").encode()


def _profile_file(path: Path) -> dict[str, bytes]:
    return {f"models/identities/{Profile.load(path).id}/profile.json": path.read_bytes()}


def _crc32(content: bytes) -> str:
    return format(zlib.crc32(content), "08x")


def _source(published: Published, content: bytes) -> FloatArray:
    """The person `(512,)` as a reader of the inswapper contract would hand it to the network."""
    emap = numpy_helper.to_array(onnx.load_from_string(content).graph.initializer[-1])
    mapped = Profile.load(published.profile).embedding @ emap
    return (mapped / np.linalg.norm(mapped)).astype(np.float32)


def _size_px(content: bytes) -> int:
    """Side of the squares a network of the inswapper contract takes."""
    inputs = onnx.load_from_string(content).graph.input
    (target,) = [value for value in inputs if value.name == "target"]
    return target.type.tensor_type.shape.dim[2].dim_value


def _some_faces(folder: Path, content: bytes) -> FloatArray:
    """A few of the target's faces as the network takes them, `(N, 3, S, S)` in 0..1."""
    size_px = _size_px(content)
    faces = FaceSet.load(folder)
    rows = np.linspace(0, len(faces) - 1, _COMPARED).round().astype(int)
    squares = [cut(faces.crops_rgb[row], network_from_face(size_px), size_px) for row in rows]
    return (np.stack(squares).transpose(0, 3, 1, 2) / 255).astype(np.float32)
