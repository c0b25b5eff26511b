"""From a target's files and what was asked for to the parts of a swap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from facepipe.arrays import FloatArray
from facepipe.errors import BadInputError, NoFaceError
from facepipe.identity.company import Company
from facepipe.identity.embedding import ARCFACE_PX, Embedder, embedder_of
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile
from facepipe.inference.models import ensure_model
from facepipe.landmarks.alignment import arcface_transform, cut
from facepipe.landmarks.detection import detect
from facepipe.landmarks.regions import five_points
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.decode import decode
from facepipe.media.probe import probe
from facepipe.swapping.casting import Cast, Part
from facepipe.swapping.mapping import Wish
from facepipe.swapping.who import parts_of, who_is_who


@dataclass(frozen=True)
class TargetFiles:
    """What tells who is who in a target.

    Attributes:
        faces: folder of its faces; their tracks are whom `one` means.
        people: folder that `identity.company.Company.save` filled.
        profile: of an identity; people are told apart by the embedder that made it.
        models: folder of weights, for that embedder and to find the face in a reference picture.
    """

    faces: Path
    people: Path
    profile: Path
    models: Path


def engaged(
    target: TargetFiles, landmarks: Landmarks, wishes: Sequence[Wish], same_person: float | None
) -> list[Part]:
    """Whose face each person of a target gets.

    Raises:
        BadInputError: A wish that cannot be met; see `who.parts_of`.
        NoFaceError: A reference picture shows no face, or nobody who looks like it is there.
    """
    embedder = cache(lambda: embedder_of(Profile.load(target.profile), target.models))
    paths = [wish.path for wish in wishes if wish.kind == "picture"]
    people = who_is_who(
        Company.load(target.people), landmarks, embedder, same_person, compared=bool(paths)
    )
    usual = frozenset(FaceSet.load(target.faces).track_id.tolist())
    pictures = {path: _vector(Path(path), target.models, embedder) for path in paths}
    return parts_of(people, wishes, usual, pictures)


def check_all_play(casting: Cast, wishes: Sequence[Wish]) -> None:
    """Refuse a swap in which somebody who was asked for by name could not be seen.

    Raises:
        NoFaceError: No frame shows a mapped person as a swap needs it.
    """
    asked = {wish.identity: wish for wish in wishes if wish.kind != "many"}
    for role in casting.roles:
        if role.part.identity in asked and not (role.opacity > 0).any():
            raise NoFaceError(
                f"{asked[role.part.identity]}: none of {len(casting.pts_s)} frames shows the "
                f"person large enough and turned little enough to be swapped"
            )


def _vector(path: Path, models: Path, embedder: Callable[[], Embedder]) -> FloatArray:
    """The unit vector `(512,)` of the largest face in a picture."""
    if not path.is_file():
        raise BadInputError(f"{path}: no such picture; a reference shows the person to replace")
    if probe(path).kind != "image":
        raise BadInputError(f"{path}: a reference is a picture; of a video give its frame's number")
    found = detect(path.parent, [path], ensure_model("face_landmarker", models))
    faces_px = found.points_px[found.seen]
    if not len(faces_px):
        raise NoFaceError(f"{path}: shows no face; a reference shows the person to replace")
    largest = faces_px[np.ptp(faces_px[..., :2], axis=1).max(axis=1).argmax()]
    (picture,) = decode(path)
    crop_rgb = cut(picture.rgb, arcface_transform(five_points(largest)), ARCFACE_PX)
    return embedder().embed(crop_rgb[None])[0]
