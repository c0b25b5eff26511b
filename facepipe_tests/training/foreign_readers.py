"""How other programs read our files, written from the description of their formats."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime as ort

WHOLE_FACE_EYES_Y = 0.39285716


def hash_is_right(model: Path) -> bool:
    """WatserFace and FaceFusion: the whole hash file is the CRC32 of the model, in hex."""
    written = model.with_suffix(".hash").read_bytes().decode("ascii")
    return written == f"{zlib.crc32(model.read_bytes()):08x}"


def last_initializer(model: Path) -> np.ndarray:
    """WatserFace and FaceFusion take the embedding's map by its place and multiply with it."""
    return onnx.numpy_helper.to_array(onnx.load(model).graph.initializer[-1])


def drawn_as_facefusion_does(model: Path, crop_bgr: np.ndarray, embedding: np.ndarray):
    """FaceFusion's face swapper: `(128, 128, 3)` uint8 in and out, blue green red."""
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    latent = embedding.reshape(1, -1) @ last_initializer(model) / np.linalg.norm(embedding)
    target = (crop_bgr[:, :, ::-1] / 255.0).transpose(2, 0, 1)[None].astype(np.float32)
    given = {"source": latent.astype(np.float32), "target": target}
    feed = {value.name: given[value.name] for value in session.get_inputs()}
    drawn = session.run(None, feed)[0][0]
    assert drawn.dtype == np.float32
    return (drawn.transpose(1, 2, 0).clip(0, 1)[:, :, ::-1] * 255).astype(np.uint8)


@dataclass(frozen=True)
class Dfm:
    """What a DFM gave for one face.

    Attributes:
        face_bgr: `(S, S, 3)` float32, 0 to 1.
        source_mask: `(S, S)` of the drawn face.
        target_mask: `(S, S)` of the face that was there.
    """

    face_bgr: np.ndarray
    source_mask: np.ndarray
    target_mask: np.ndarray


def dfm_session(path: Path) -> tuple[ort.InferenceSession, tuple[int, int]]:
    """A DFM and its height and width, refused as DeepFaceLive would refuse it."""
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()
    assert inputs[0].name == "in_face:0"
    assert len(inputs) == 1 or inputs[1].name == "morph_value:0"
    height, width = inputs[0].shape[1:3]
    assert isinstance(height, int), "the size is read from the graph"
    assert isinstance(width, int)
    return session, (height, width)


def read_dfm(path: Path, crop_bgr: np.ndarray) -> Dfm:
    """FaceFusion's deep swapper: inputs by name, three outputs by their place."""
    session, size = dfm_session(path)
    given = {"in_face:0": (crop_bgr[None] / 255).astype(np.float32), "morph_value:0": np.ones(1)}
    feed = {value.name: given[value.name] for value in session.get_inputs()}
    target_mask, face_bgr, source_mask = session.run(None, feed)
    for picture, channels in ((target_mask, 1), (face_bgr, 3), (source_mask, 1)):
        assert picture.shape == (1, *size, channels)
        assert picture.dtype == np.float32
        assert picture.min() >= 0
        assert picture.max() <= 1
    return Dfm(face_bgr[0], source_mask[0].reshape(size), target_mask[0].reshape(size))


def whole_face_crop(frame: np.ndarray, five_px: np.ndarray, size_px: int):
    """A frame's whole-face square as FaceFusion cuts it, and the `(2, 3)` that cut it."""
    template = size_px * np.array(
        [
            [0.35342266, WHOLE_FACE_EYES_Y],
            [0.62797622, WHOLE_FACE_EYES_Y],
            [0.48660713, 0.54017860],
            [0.38839287, 0.68750011],
            [0.59821427, 0.68750011],
        ]
    )
    transform, _ = cv2.estimateAffinePartial2D(
        five_px, template, method=cv2.RANSAC, ransacReprojThreshold=100
    )
    square = cv2.warpAffine(
        frame, transform, (size_px, size_px), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    return square, transform


@dataclass
class WatserFaceProfile:
    """Its loader gives a profile's top-level keys to a class of these, so any other one fails."""

    id: str
    name: str
    created_at: str
    source_files: list[str]
    embedding_mean: list[float]
    embedding_std: list[float]
    quality_stats: dict[str, Any]
    thumbnail_path: str | None = None
    is_ephemeral: bool = True
    last_used: str | None = None
    source_count: int = 0
    face_set_id: str | None = None


def watserface_profile(folder: Path, identity: str) -> WatserFaceProfile:
    """A saved profile, from WatserFace's own folder."""
    path = folder / "models" / "identities" / identity / "profile.json"
    return WatserFaceProfile(**json.loads(path.read_text()))


def watserface_models(folder: Path) -> dict[str, Path]:
    """Its trained models: files by name with `_lora` in it, the last counting; hidden ones not."""
    found = sorted((folder / ".assets" / "models" / "trained").iterdir())
    return {path.stem: path for path in found if "_lora" in path.stem and path.name[0] != "."}
