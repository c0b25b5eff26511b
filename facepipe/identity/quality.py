"""What a profile says about the faces it was made from, in plain JSON values."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import BoolArray, FloatArray
from facepipe.identity.face_set import FaceSet
from facepipe.identity.spherical import mean_direction
from facepipe.landmarks.regions import inter_ocular_px

YAW_BINS_DEG = (-90, -45, -15, 15, 45, 90)
"""Edges of the poses a prototype is kept for; yaw > 0 turns the nose to the image's right."""


def quality(faces: FaceSet, vectors: FloatArray, odd: BoolArray) -> dict[str, Any]:
    """WatserFace's quality numbers and ours, of the faces that are not `odd`.

    `landmark_variance` is the mean variance of a landmark in the aligned crop, in squared
    inter-ocular distances; `avg_blur_variance` the mean variance of the Laplacian (more is
    sharper); `self_similarity` the mean cosine of a face to the profile, with its 5th percentile.
    """
    kept = ~odd
    cosine = vectors[kept].astype(np.float64) @ mean_direction(vectors[kept])
    score = _mean(faces.score[kept])
    return {
        "num_frames": int(kept.sum()),
        "avg_face_score": score,
        "avg_confidence": score,
        "avg_face_size": _mean(faces.face_px[kept]),
        "avg_blur_variance": _mean(faces.sharpness[kept]),
        "landmark_variance": _landmark_variance(faces.points_px[kept]),
        "total_processed": len(faces),
        "valid_count": len(faces),
        "outliers_removed": int(odd.sum()),
        "final_embedding_count": int(kept.sum()),
        "outliers": [
            {"source": faces.sources[faces.source[place]], "frame_index": int(frame)}
            for place, frame in enumerate(faces.frame_index)
            if odd[place]
        ],
        "self_similarity": float(cosine.mean()),
        "self_similarity_p5": float(np.percentile(cosine, 5)),
    }


def pose_prototypes(
    vectors: FloatArray, yaw_deg: FloatArray, least_faces: int
) -> dict[str, dict[str, Any]]:
    """The mean direction of the faces `(N, 512)` in each yaw bin that holds `least_faces`."""
    found: dict[str, dict[str, Any]] = {}
    for low, high in pairwise(YAW_BINS_DEG):
        inside = (yaw_deg >= low) & (yaw_deg < high)
        if inside.sum() >= least_faces:
            found[f"yaw_{low}_to_{high}"] = {
                "yaw_deg": [low, high],
                "count": int(inside.sum()),
                "embedding": mean_direction(vectors[inside]).astype(np.float32).tolist(),
            }
    return found


def _landmark_variance(points_px: FloatArray) -> float:
    shares = points_px[..., :2].astype(np.float64) / inter_ocular_px(points_px)[:, None, None]
    return float(shares.var(axis=0).sum(axis=-1).mean())


def _mean(values: NDArray[Any]) -> float:
    return float(values.astype(np.float64).mean())
