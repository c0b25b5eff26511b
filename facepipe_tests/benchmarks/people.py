"""Faces, a model and timed swaps for the benchmarks."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from facepipe.identity.face_set import FaceSet


def face_set(clip: Path, folder: Path) -> FaceSet:
    """All faces of a clip, through the rooms that make them."""
    from facepipe.identity.embedding import builtin_embedder
    from facepipe.identity.faces import build_faces
    from facepipe.identity.settings import FacesSettings
    from facepipe.inference.models import ensure_model
    from facepipe.landmarks.detection import detect
    from facepipe.media.frames import select, survey
    from facepipe.media.settings import FramesSettings

    bundle = ensure_model("face_landmarker", folder / "models")
    table = select(survey(clip.parent, [clip]), FramesSettings())
    landmarks = detect(clip.parent, [clip], bundle)
    settings = FacesSettings(embedder="builtin")
    faces, _ = build_faces(clip.parent, landmarks, table, settings, builtin_embedder())
    return faces


def exported_model(folder: Path) -> Path:
    """A compact generator with untrained weights, as an ONNX file: its cost is that of any."""
    from facepipe.training.generator import GeneratorSettings
    from facepipe.training.identity_model import seeded_generator
    from facepipe.training.onnx_graph import inswapper_bytes

    path = folder / "model_lora.onnx"
    path.write_bytes(inswapper_bytes(seeded_generator(GeneratorSettings(), 0).eval(), {}))
    return path


@dataclass
class Timed:
    """A swapper whose calls are timed, to tell the network's share from all the rest."""

    swapper: object
    seconds: float = field(default=0.0)

    @property
    def size_px(self) -> int:
        """Side of its squares."""
        return self.swapper.size_px

    def transform(self, five_px):
        """The swapper's own."""
        return self.swapper.transform(five_px)

    def swap(self, crops_rgb, points_px):
        """The swapper's own, timed."""
        started = time.perf_counter()
        try:
            return self.swapper.swap(crops_rgb, points_px)
        finally:
            self.seconds += time.perf_counter() - started


def swap_seconds(clip: Path, model: Path, folder: Path) -> tuple[float, float]:
    """Seconds to swap decoded frames without encoding them, and the network's share of it."""
    from facepipe.inference.models import ensure_model
    from facepipe.landmarks.detection import detect
    from facepipe.swapping.casting import Part
    from facepipe.swapping.film import film_of
    from facepipe.swapping.settings import SwapSettings
    from facepipe.swapping.swapper import OnnxSwapper
    from facepipe.swapping.takes import Take, swapped_frames

    landmarks = detect(clip.parent, [clip], ensure_model("face_landmarker", folder / "models"))
    film = film_of([clip], landmarks)
    frames = list(film.frames())
    swapper = Timed(OnnxSwapper(model, unit_embedding()))
    tracks = frozenset(int(track) for track in np.unique(landmarks.track_id) if track >= 0)
    take = Take(film, [Part("somebody", tracks)], {"somebody": swapper})
    started = time.perf_counter()
    count = sum(1 for _ in swapped_frames(take, SwapSettings(), iter(frames)))
    assert count == len(frames)
    return time.perf_counter() - started, swapper.seconds


def insightface_seconds(clip: Path, model: Path, folder: Path) -> float:
    """Seconds InsightFace needs for the same frames with the same file."""
    from insightface.app.common import Face
    from insightface.model_zoo import get_model

    from facepipe.inference.models import ensure_model
    from facepipe.landmarks.detection import detect
    from facepipe.landmarks.regions import five_points
    from facepipe.media.decode import decode

    landmarks = detect(clip.parent, [clip], ensure_model("face_landmarker", folder / "models"))
    swapper = get_model(str(model), providers=["CPUExecutionProvider"])
    source = Face(embedding=unit_embedding())
    frames = [np.ascontiguousarray(frame.rgb[:, :, ::-1]) for frame in decode(clip)]
    kps = five_points(landmarks.points_px[:, 0])
    started = time.perf_counter()
    for frame_bgr, points in zip(frames, kps, strict=True):
        swapper.get(frame_bgr, Face(kps=points), source, paste_back=True)
    return time.perf_counter() - started


def unit_embedding() -> np.ndarray:
    """Some person."""
    vector = np.random.default_rng(0).standard_normal(512).astype(np.float32)
    return vector / np.linalg.norm(vector)
