"""Every weight file facepipe knows by name: where it comes from, its hash and its licence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelFile:
    """A known weight file.

    Attributes:
        name: What commands and settings call it.
        file: Its name in the models folder.
        purpose: What facepipe needs it for.
        url: Where it is fetched.
        size: Bytes of the file (of the fetched one, where it is put together from parts).
        sha256: Hash of the same, 64 hex digits.
        licence: Under which terms.
        source: Who made it.
        trained_on: What it learnt from, as far as its makers say.
        member: The file inside the archive at `url`; empty where `url` is the file itself.
        needs_acceptance: Whether the user must accept the licence first.
    """

    name: str
    file: str
    purpose: str
    url: str
    size: int
    sha256: str
    licence: str
    source: str
    trained_on: str
    member: str = ""
    needs_acceptance: bool = False


FACE_LANDMARKER = ModelFile(
    name="face_landmarker",
    file="face_landmarker.task",
    purpose="478 face points in every frame",
    url=(
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/"
        "float16/1/face_landmarker.task"
    ),
    size=3_758_596,
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
    licence="Apache-2.0",
    source="Google MediaPipe: official task file and PyPI wheel mediapipe 0.10.21",
    trained_on="Google's own photos of faces, not published (BlazeFace and Face Mesh model cards)",
)
ARCFACE = ModelFile(
    name="arcface",
    file="w600k_r50.onnx",
    purpose="identity embeddings, better than the builtin descriptor",
    url="https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_l.zip",
    size=174_383_860,
    sha256="4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
    licence="InsightFace: non-commercial research only",
    source="InsightFace buffalo_l",
    trained_on="WebFace600K, faces collected from the web",
    member="w600k_r50.onnx",
    needs_acceptance=True,
)
REGISTRY = {model.name: model for model in (FACE_LANDMARKER, ARCFACE)}


@dataclass(frozen=True)
class BundleKind:
    """One way the landmark bundle can be put together, and the only bytes that may come of it."""

    built_from: str
    sha256: str


FULL = BundleKind(
    "official landmark network, full-range detector of mediapipe 0.10.21",
    "8f18c36de6e43cde91819769376499e493345a23152243566f6ab36d62ff22ec",
)
WHEEL_ONLY = BundleKind(
    "attention landmark network and full-range detector of mediapipe 0.10.21",
    "62a47fda7f7ba804d1d75e0e314554d126f85e5e2d11fa86c4d809378eeee9a3",
)
OFFICIAL_ONLY = BundleKind(
    "official landmark network and short-range detector",
    "f7c99b5b8e7f3d494b59e50c92ce3c4faa994891c6f81f12591e80169ef7125c",
)
BUNDLE_KINDS = (FULL, WHEEL_ONLY, OFFICIAL_ONLY)


def accepted_hashes(model: ModelFile) -> set[str]:
    """The hashes the file of `model` in the models folder may have."""
    if model is FACE_LANDMARKER:
        return {kind.sha256 for kind in BUNDLE_KINDS}
    return {model.sha256}
