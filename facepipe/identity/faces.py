"""From landmarks and selected frames to the faces of one person, each rejection with its reason.

Reasons: no_face, too_small, low_score, cut_off (at the frame's edge), extreme_pose, other_person,
too_blurred.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from facepipe.arrays import FloatArray, IntArray
from facepipe.errors import NoFaceError
from facepipe.identity.candidates import Candidate, Shelf, gather
from facepipe.identity.embedding import Embedder
from facepipe.identity.face_set import FaceSet
from facepipe.identity.people import Person, find_person
from facepipe.identity.settings import FacesSettings
from facepipe.landmarks.alignment import FACE_PX
from facepipe.landmarks.regions import FACE_OVAL, fill_region
from facepipe.landmarks.tracks import Landmarks

LEAST_FACES = 3


def build_faces(
    folder: Path,
    landmarks: Landmarks,
    frame_table: pd.DataFrame,
    settings: FacesSettings,
    embedder: Embedder,
    person: Person = "only",
) -> tuple[FaceSet, pd.DataFrame]:
    """The usable faces of one person, and a table of those left out.

    Args:
        folder: Where the sources lie.
        landmarks: Every frame of every source.
        frame_table: One row per frame with `source`, `frame_index` and `selected`; only selected
            frames are looked at.
        settings: What makes a face usable.
        embedder: What tells people apart.
        person: `only` for an identity, `largest` for a target.

    Returns:
        The faces in the order of sources and times, and the rejected: `FaceSet.table`'s columns
        plus `reason`.

    Raises:
        NoFaceError: No selected frame shows a face, or fewer than `LEAST_FACES` are usable.
        BadInputError: `only`, and two people are seen about equally often.
        MediaError: A source cannot be decoded.
    """
    with Shelf() as shelf:
        found = gather(folder, landmarks, frame_table, settings, shelf)
        _require_a_face(found, folder)
        usable = [face for face in found if not face.reason]
        if usable:
            tracks = find_person(usable, landmarks, shelf, embedder, settings, person)
            found = _without_blurred(_without_others(found, tracks), settings)
            usable = [face for face in found if not face.reason]
        _require_enough(usable, found, folder)
        faces = _face_set(usable, landmarks.sources, shelf)
    return faces, _table([face for face in found if face.reason])


def _without_others(found: list[Candidate], tracks: set[int]) -> list[Candidate]:
    return [
        replace(face, reason="other_person")
        if face.track_id not in tracks and not face.reason
        else face
        for face in found
    ]


def _without_blurred(found: list[Candidate], settings: FacesSettings) -> list[Candidate]:
    median = np.median([face.sharpness for face in found if not face.reason])
    least = settings.min_sharpness * median
    return [
        replace(face, reason="too_blurred") if not face.reason and face.sharpness < least else face
        for face in found
    ]


def _require_a_face(found: list[Candidate], folder: Path) -> None:
    if all(face.reason == "no_face" for face in found):
        files = ", ".join(sorted({str(folder / face.source) for face in found})) or str(folder)
        raise NoFaceError(
            f"{files}: 0 of {len(found)} selected frames show a face; needed are media in which "
            f"the face can be seen"
        )


def _require_enough(usable: list[Candidate], found: list[Candidate], folder: Path) -> None:
    if len(usable) >= LEAST_FACES:
        return
    counts = Counter(face.reason for face in found if face.reason)
    why = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "none"
    raise NoFaceError(
        f"{folder}: {len(usable)} of {len(found)} faces can be used, needed are at least "
        f"{LEAST_FACES}; left out: {why}"
    )


def _face_set(faces: list[Candidate], sources: tuple[str, ...], shelf: Shelf) -> FaceSet:
    points = np.stack([face.points_px for face in faces])
    return FaceSet(
        crops_rgb=shelf.get([face.crop for face in faces]),
        masks=np.stack([fill_region(face, FACE_OVAL, (FACE_PX, FACE_PX)) for face in points]),
        points_px=points,
        transforms=np.stack([face.transform for face in faces]),
        pose_deg=np.stack([face.pose_deg for face in faces]),
        sharpness=_floats([face.sharpness for face in faces]),
        score=_floats([face.score for face in faces]),
        face_px=_floats([face.face_px for face in faces]),
        source=_integers([sources.index(face.source) for face in faces]),
        frame_index=_integers([face.frame_index for face in faces]),
        pts_s=_floats([face.pts_s for face in faces]),
        scene=_integers([face.scene for face in faces]),
        track_id=_integers([face.track_id for face in faces]),
        sources=sources,
    )


def _table(faces: list[Candidate]) -> pd.DataFrame:
    """Columns and types as in `FaceSet.table`, plus `reason`."""
    pose = np.array([face.pose_deg for face in faces], np.float32).reshape(-1, 3)
    return pd.DataFrame(
        {
            "source": [face.source for face in faces],
            "frame_index": _integers([face.frame_index for face in faces]),
            "pts_s": _floats([face.pts_s for face in faces]),
            "track_id": _integers([face.track_id for face in faces]),
            "yaw_deg": pose[:, 0],
            "pitch_deg": pose[:, 1],
            "roll_deg": pose[:, 2],
            "sharpness": _floats([face.sharpness for face in faces]),
            "score": _floats([face.score for face in faces]),
            "face_px": _floats([face.face_px for face in faces]),
            "reason": [face.reason for face in faces],
        }
    )


def _floats(values: list[float]) -> FloatArray:
    return np.array(values, np.float32)


def _integers(values: list[int]) -> IntArray:
    return np.array(values, np.int32)
