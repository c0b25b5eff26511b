"""Which of the found faces to believe: within a frame, and over a track's life."""

import numpy as np
import pandas as pd

from facepipe.arrays import BoolArray, FloatArray
from facepipe.landmarks.settings import DetectionSettings
from facepipe.landmarks.tracking import boxes_of, overlap

_DOUBLE = 0.6  # overlap above which two sightings are one face
_SIDES = 0.4, 2.5  # a face's width over its height; beyond, the mesh has collapsed
# On clips without a face the full-range detector now and then sees one for one to three frames in
# a row, with presences of 0.50 to 0.98, on average 0.70; true tracks of the test clips average
# above 0.97, last, and are seen in every frame.
_TRACK_S, _TRACK_SCORE, _TRACK_SEEN = 0.2, 0.75, 0.5
_ROUNDING_S = 1e-3


def plausible(
    points_px: FloatArray, score: FloatArray, size_wh: tuple[int, int], settings: DetectionSettings
) -> BoolArray:
    """Which of the faces `(F, 478, 3)` are large, certain and face-shaped enough, each once `(F,)`.

    Of two on the same spot the more certain one counts; of too many the largest.
    """
    boxes = boxes_of(points_px)
    sides = boxes[:, 2:] - boxes[:, :2]
    centres = (boxes[:, 2:] + boxes[:, :2]) / 2
    shape = sides[:, 0] / np.maximum(sides[:, 1], 1e-6)
    good = (score >= settings.min_score) & (sides.max(axis=1) >= settings.min_face_px)
    good &= (shape >= _SIDES[0]) & (shape <= _SIDES[1])
    good &= ((centres >= 0) & (centres < np.array(size_wh))).all(axis=1)
    chosen: list[int] = []
    for face in np.argsort(-score, kind="stable"):
        if good[face] and all(overlap(boxes[face], boxes[other]) < _DOUBLE for other in chosen):
            chosen.append(int(face))
    chosen.sort(key=lambda face: -float(sides[face].max()))
    keep = np.zeros(len(score), bool)
    keep[chosen[: settings.max_faces]] = True
    return keep


def believable_tracks(faces: pd.DataFrame, frames: pd.DataFrame) -> set[int]:
    """The tracks that are certain on average and last for 0.2 s, or as long as their shot.

    A track that is unseen for more than half of its life is a chain of false alarms.

    Args:
        faces: One row per sighting: row (of the frame), track, score.
        frames: One row per frame: source, scene, pts_s.
    """
    shots = frames.groupby(["source", "scene"])["pts_s"]
    shot_s = (shots.transform("max") - shots.transform("min")).to_numpy()
    rows = faces["row"].to_numpy(np.int64)
    seen = faces.assign(pts_s=frames["pts_s"].to_numpy()[rows], shot_s=shot_s[rows])
    tracks = seen.groupby("track").agg(
        score=("score", "mean"),
        first=("pts_s", "min"),
        last=("pts_s", "max"),
        shot_s=("shot_s", "min"),
        sightings=("row", "size"),
        first_row=("row", "min"),
        last_row=("row", "max"),
    )
    needed_s = np.minimum(_TRACK_S, tracks["shot_s"]) - _ROUNDING_S
    lasting = tracks["last"] - tracks["first"] >= needed_s
    steady = tracks["sightings"] >= _TRACK_SEEN * (tracks["last_row"] - tracks["first_row"] + 1)
    certain = tracks["score"] >= _TRACK_SCORE
    return {int(track) for track in tracks.index[lasting & steady & certain]}
