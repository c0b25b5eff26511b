"""Real clips and weights that lie beside the project, and an independent judge of identity."""

import os
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from facepipe.landmarks.alignment import arcface_transform
from facepipe.landmarks.regions import five_points
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.decode import decode

SHARED = Path(os.environ.get("FACEPIPE_SHARED", Path(__file__).parents[2] / "shared"))
CLIPS = SHARED / "media" / "clips"
STILLS = SHARED / "media" / "stills"

needs_real_media = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"{SHARED} with real clips and weights is not there"
)


class Judge:
    """MobileFace (MIT), which facepipe itself never uses: 256-d, BGR 0-255, ArcFace crops."""

    def __init__(self) -> None:
        path = SHARED / "models" / "mobileface_identification_v2.onnx"
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def embed(self, frame_rgb, points_px):
        """Unit embedding `(256,)` of one face `(478, 3)` in a frame."""
        transform = arcface_transform(five_points(points_px))
        return self.embed_crop(cv2.warpAffine(frame_rgb, transform, (112, 112)))

    def embed_crop(self, crop_rgb):
        """Unit embedding `(256,)` of one ArcFace-aligned face `(112, 112, 3)`."""
        crop = crop_rgb[:, :, ::-1].astype(np.float32)
        name = self._session.get_inputs()[0].name
        vector = self._session.run(None, {name: crop.transpose(2, 0, 1)[None]})[0][0]
        return vector / np.linalg.norm(vector)

    def embed_all(self, paths, landmarks: Landmarks, every: int = 1):
        """Embeddings of the first known face of every `every`-th frame, by row."""
        found = {}
        row = 0
        for path in paths:
            for frame in decode(path):
                slots = np.flatnonzero(landmarks.seen[row])
                if row % every == 0 and slots.size:
                    found[row] = self.embed(frame.rgb, landmarks.points_px[row, slots[0]])
                row += 1
        return found

    def compare(self, swapped: Path, target: tuple, identity: tuple) -> dict[str, float]:
        """Similarity of each swapped frame to identity and target, and how often it is closer.

        `target` and `identity` are (media paths, landmarks of them).
        """
        mean = lambda vectors: _unit(np.mean(list(vectors.values()), axis=0))  # noqa: E731
        to_identity = mean(self.embed_all(*identity, every=4))
        to_target = mean(self.embed_all(*target, every=4))
        faces = np.stack(list(self.embed_all([swapped], target[1]).values()))
        one, other = faces @ to_identity, faces @ to_target
        return {
            "frames": len(faces),
            "people": float(to_identity @ to_target),
            "to_identity": float(one.mean()),
            "to_target": float(other.mean()),
            "closer_to_identity": float((one > other).mean()),
        }


def _unit(vector):
    return vector / np.linalg.norm(vector)
