"""What turns aligned faces into 512 numbers: ArcFace where a file is there, else a descriptor.

An embedder says who it is (name, version, sha256), because numbers of two embedders mean different
things and must never be compared.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImages, check_shape
from facepipe.errors import BadInputError, ModelFileError
from facepipe.files import sha256_of
from facepipe.identity.descriptor import EMBEDDING_SIZE, describe_face
from facepipe.identity.settings import EmbedderChoice
from facepipe.inference.lock import read_lock
from facepipe.landmarks.alignment import FACE_PX

ARCFACE_PX = 112
ARCFACE_FILES = ("*arcface*.onnx", "w600k_*.onnx", "glintr*.onnx")
"""Where `auto` and `arcface` look in the models folder and below it; the first by name is taken."""
_VERSION = "1"
_SHA256 = "97c8429ab8e73aae68984611746f51f40fad7a18d998f82e3874546bdb6b3b2e"


@dataclass(frozen=True)
class ArcFaceFile:
    """An ArcFace model's file; it takes RGB squares, each grade as `(grade - mean) / std`.

    Attributes:
        path: the ONNX file.
        mean: of grades 0 to 255; 0 where the network itself takes it off.
        std: 1 where the network itself divides.
    """

    path: Path
    mean: float
    std: float


class Embedder(Protocol):
    """Aligned faces in, unit vectors out; two faces are compared by cosine."""

    @property
    def name(self) -> str:
        """The kind: `builtin` or `arcface`."""
        ...

    @property
    def version(self) -> str:
        """Which of its kind."""
        ...

    @property
    def sha256(self) -> str:
        """64 hex digits of all that decides its numbers."""
        ...

    @property
    def file(self) -> ArcFaceFile | None:
        """The network behind it, if it is one."""
        ...

    def embed(self, crops_rgb: RgbImages) -> FloatArray:
        """`(N, 512)` unit vectors of `(N, 112, 112, 3)` ArcFace-aligned faces."""
        ...


@dataclass(frozen=True)
class BuiltinEmbedder:
    """A fixed descriptor, no weights: right about people who differ plainly, weak beyond that.

    On the trial clips frames of one clip come to a mean cosine of 0.6-0.95 (0.83 over all), a
    person in two clips to 0.5-0.75, different people to 0.1-0.5. It does not know a person in
    black and white, behind a mask or in profile again, and it must not be used to recognise
    anyone.
    """

    name: str = "builtin"
    version: str = _VERSION

    @property
    def sha256(self) -> str:
        """Of the version and the fixed projection, which takes all cores to make: written down."""
        return _SHA256

    @property
    def file(self) -> None:
        """There is no network behind it."""
        return

    def embed(self, crops_rgb: RgbImages) -> FloatArray:
        """`(N, 512)` unit vectors of `(N, 112, 112, 3)`, each independent of its neighbours."""
        check_shape(crops_rgb, ("N", ARCFACE_PX, ARCFACE_PX, 3), name="crops_rgb")
        vectors = [describe_face(crop) for crop in crops_rgb]
        return np.stack(vectors) if vectors else np.zeros((0, EMBEDDING_SIZE), np.float32)


def builtin_embedder() -> Embedder:
    """The embedder that is always there."""
    return BuiltinEmbedder()


def arcface_embedder(path: Path, sha256: str | None = None) -> Embedder:
    """An ArcFace-contract ONNX file as embedder.

    Args:
        path: The ONNX file.
        sha256: What its hash must be; None takes any.

    Raises:
        ModelFileError: Missing, altered, damaged, or not 112 px RGB in and 512 numbers out.
    """
    # insightface takes over a second to import, and only this embedder needs it
    from facepipe.identity.arcface import ArcFaceEmbedder

    return ArcFaceEmbedder(path, sha256)


def choose_embedder(setting: EmbedderChoice, models_folder: Path) -> Embedder:
    """The embedder a setting asks for; `auto` takes ArcFace where the models folder holds one.

    Raises:
        ModelFileError: `arcface` is asked for and no file is there, or the file is not what
            MODELS.lock says, or breaks the contract.
    """
    files = _arcface_files(models_folder)
    if setting == "builtin" or (setting == "auto" and not files):
        return builtin_embedder()
    if not files:
        raise ModelFileError(
            f"{models_folder}: no ArcFace model; needed is one named like "
            f"{', '.join(ARCFACE_FILES)}, or embedder=builtin"
        )
    recorded = {
        models_folder / entry.file: entry.sha256 for entry in read_lock(models_folder).values()
    }
    return arcface_embedder(files[0], recorded.get(files[0]))


def embedder_of(profile: "MadeByEmbedder", models_folder: Path) -> Embedder:
    """The very embedder a profile was made with.

    Raises:
        BadInputError: The profile does not say, or its builtin embedder is of another version.
        ModelFileError: Its ArcFace file is no longer in the models folder.
    """
    made_by = embedder_record(profile)
    if made_by["name"] == "builtin":
        require_same_embedder(profile, builtin_embedder())
        return builtin_embedder()
    for path in _arcface_files(models_folder):
        if sha256_of(path) == made_by["sha256"]:
            return arcface_embedder(path)
    raise ModelFileError(
        f"{models_folder}: profile {profile.name!r} was made with {described_record(made_by)}, "
        f"which is not there; put that file back, or make the profile again"
    )


def require_same_embedder(profile: "MadeByEmbedder", embedder: Embedder) -> None:
    """Refuse to compare what two embedders made.

    Raises:
        BadInputError: The profile names another embedder, or none.
    """
    made_by = embedder_record(profile)
    if made_by["sha256"] != embedder.sha256:
        now = {"name": embedder.name, "version": embedder.version, "sha256": embedder.sha256}
        raise BadInputError(
            f"profile {profile.name!r} was made with {described_record(made_by)} and cannot be "
            f"compared with what {described_record(now)} makes; make the profile again"
        )


def arcface_crops(crops_rgb: RgbImages) -> RgbImages:
    """The `(N, 112, 112, 3)` ArcFace squares inside stored faces `(N, 320, 320, 3)`.

    Both show the same template, one at twice the scale of the other, so every second pixel of the
    smoothed face is the square, the same for every face.
    """
    check_shape(crops_rgb, ("N", FACE_PX, FACE_PX, 3), name="crops_rgb")
    kernel = np.array([0.25, 0.5, 0.25])
    squares = np.empty((len(crops_rgb), ARCFACE_PX, ARCFACE_PX, 3), np.uint8)
    for square, crop in zip(squares, crops_rgb, strict=True):
        square[:] = cv2.sepFilter2D(crop, -1, kernel, kernel)[32:256:2, 48:272:2]
    return squares


class MadeByEmbedder(Protocol):
    """What carries a name and, in its statistics, the embedder that made it: a profile."""

    name: str
    quality_stats: dict[str, Any]


def embedder_record(profile: MadeByEmbedder) -> dict[str, str]:
    """Name, version and sha256 of the embedder that made a profile.

    Raises:
        BadInputError: The profile does not say, as those of other programs do not.
    """
    record: dict[str, Any] = profile.quality_stats.get("embedder") or {}
    if not {"name", "version", "sha256"} <= record.keys():
        raise BadInputError(
            f"profile {profile.name!r} does not say which embedder made it; needed is one made by "
            f"facepipe"
        )
    return {str(key): str(value) for key, value in record.items()}


def _arcface_files(folder: Path) -> list[Path]:
    return sorted({path for pattern in ARCFACE_FILES for path in folder.rglob(pattern)})


def described_record(record: dict[str, str]) -> str:
    """An embedder's record as messages name it."""
    return f"{record['name']} {record['version']} ({record['sha256'][:12]})"
