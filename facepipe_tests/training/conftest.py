"""Small drawn people: coloured ovals with eyes and a mouth, and landmarks that know where."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from facepipe.identity.face_set import FaceSet
from facepipe.landmarks import regions
from facepipe.landmarks.alignment import ARCFACE_112, FACE_MARGIN_PX, FACE_PX
from facepipe.publishing import folder_digest
from facepipe.training.device import DeviceSettings
from facepipe.training.identity_model import train_identity
from facepipe.training.settings import IdentityTrainingSettings, LoraTrainingSettings

TINY = IdentityTrainingSettings(
    epochs=2,
    steps_per_epoch=3,
    batch_size=2,
    width=4,
    blocks=1,
    textures=2,
    warm_up_steps=2,
    preview_every=1,
)
TINY_LORA = LoraTrainingSettings(
    epochs=2, steps_per_epoch=3, batch_size=3, rank=2, warm_up_steps=2, preview_every=1, own=0.34,
    taught=0.34,
)  # fmt: skip
ON_CPU = DeviceSettings(device="cpu", threads=1)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def five_points_px() -> np.ndarray:
    """Where ArcFace's template puts the five points in a stored face."""
    return (ARCFACE_112 + np.array([8, 0])) * 2 + FACE_MARGIN_PX


def landmarks_px(shift_px: float, rng: np.random.Generator) -> np.ndarray:
    """`(478, 3)`: outlines on ellipses around the template's five points, the rest inside."""
    eyes_and_mouth = five_points_px()
    centre = eyes_and_mouth.mean(0)
    angle, radius = rng.uniform(0, 2 * np.pi, 478), 70 * np.sqrt(rng.uniform(0, 1, 478))
    points = centre + np.stack([np.cos(angle), 1.2 * np.sin(angle)], 1) * radius[:, None]
    mouth = eyes_and_mouth[3:].mean(0)
    outlines = [
        (regions.FACE_OVAL, centre, (95, 125)),
        (regions.RIGHT_EYE, eyes_and_mouth[0], (16, 8)),
        (regions.LEFT_EYE, eyes_and_mouth[1], (16, 8)),
        (regions.LIPS_OUTER, mouth, (36, 14)),
        (regions.LIPS_INNER, mouth, (28, 6)),
    ]
    for outline, middle, radii in outlines:
        around = np.linspace(0, 2 * np.pi, len(outline), endpoint=False)
        points[list(outline)] = middle + np.stack([np.cos(around), np.sin(around)], 1) * radii
    points[list(regions.FIVE_POINTS)] = eyes_and_mouth
    return np.column_stack([points + shift_px, rng.normal(0, 5, 478)]).astype(np.float32)


def drawn_face(points_px: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A face of one colour with dark eyes and a red mouth before a grey slope."""
    size_wh = (FACE_PX, FACE_PX)
    slope = np.linspace(60, 160, FACE_PX)[:, None, None]
    picture = np.repeat(np.repeat(slope, FACE_PX, 1), 3, 2)
    picture[regions.fill_region(points_px, regions.FACE_OVAL, size_wh)] = colour
    for eye in (regions.RIGHT_EYE, regions.LEFT_EYE):
        picture[regions.fill_region(points_px, eye, size_wh)] = (30, 30, 60)
    picture[regions.fill_region(points_px, regions.LIPS_OUTER, size_wh)] = (170, 40, 50)
    return picture.astype(np.uint8)


def people_faces(count=10, colour=(200, 150, 120), seed=0) -> FaceSet:
    """A person in one colour, `count` times."""
    rng = np.random.default_rng(seed)
    points = np.stack([landmarks_px(rng.uniform(-3, 3), rng) for _ in range(count)])
    oval = regions.FACE_OVAL
    flat = np.zeros(count, np.float32)
    return FaceSet(
        crops_rgb=np.stack([drawn_face(face, np.array(colour)) for face in points]),
        masks=np.stack([regions.fill_region(face, oval, (FACE_PX, FACE_PX)) for face in points]),
        points_px=points,
        transforms=np.tile(np.eye(2, 3, dtype=np.float32), (count, 1, 1)),
        pose_deg=np.column_stack([rng.uniform(-30, 30, count), flat, flat]).astype(np.float32),
        sharpness=flat + 100,
        score=flat + 1,
        face_px=flat + 250,
        source=flat.astype(np.int32),
        frame_index=np.arange(count, dtype=np.int32),
        pts_s=np.arange(count, dtype=np.float32) / 25,
        scene=flat.astype(np.int32),
        track_id=flat.astype(np.int32),
        sources=("clip.mp4",),
    )


@pytest.fixture(scope="session")
def make_faces():
    return people_faces


def two_embeddings():
    """`(2, 512)` of unit norm."""
    both = np.random.default_rng(1).standard_normal((2, 512)).astype(np.float32)
    return both / np.linalg.norm(both, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def embeddings():
    return two_embeddings()


@pytest.fixture(scope="session")
def make_run(make_faces, embeddings):
    usual = make_faces()

    def make(folder):
        def run(name, settings=TINY, faces=usual, **more):
            place = folder / name
            work = {"device": ON_CPU, "scratch": place / "scratch", "out": place / "out", **more}
            return train_identity(faces, embeddings[0], settings, **work), place / "out"

        return run

    return make


@pytest.fixture
def run(make_run, tmp_path):
    """Train an identity in the folder `name`; its summary and what was published."""
    return make_run(tmp_path)


def stop_after(steps):
    """A `stop` that says yes once, after so many steps."""
    asked = iter(range(1, 10_000))
    return lambda: next(asked) == steps


def same_result(one, other):
    """The same bytes in every file, weights, best, history, previews and state, but for timings."""
    told = [(folder / "telemetry.jsonl").read_text().splitlines() for folder in (one, other)]
    epochs = [[json.loads(line)["epoch"] for line in lines] for lines in told]
    timings = frozenset({"telemetry.jsonl", "tensorboard"})
    return epochs[0] == epochs[1] and folder_digest(one, timings) == folder_digest(other, timings)


@pytest.fixture(scope="session")
def base(make_faces, embeddings, tmp_path_factory):
    """A finished tiny identity training."""
    folder = tmp_path_factory.mktemp("base")
    train_identity(
        make_faces(), embeddings[0], TINY,
        device=ON_CPU, scratch=folder / "scratch", out=folder / "out",
    )  # fmt: skip
    return folder / "out"


@pytest.fixture(scope="session")
def another_base(make_faces, embeddings, tmp_path_factory):
    """The same with other random weights."""
    folder = tmp_path_factory.mktemp("another")
    train_identity(
        make_faces(), embeddings[0], replace(TINY, seed=1),
        device=ON_CPU, scratch=folder / "scratch", out=folder / "out",
    )  # fmt: skip
    return folder / "out"
