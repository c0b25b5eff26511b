"""Whose face is it: tracks joined into people, and the one person an input is about.

Tracks are joined by the mean cosine between their faces, the most alike first, while it stays above
what the embedder makes of one person. Two tracks seen in one frame are two people, whatever the
embedder says. On the trial clips the builtin embedder gives 0.52-0.75 for a person in two clips and
0.1-0.5 for different people. Its threshold therefore tells apart people who look plainly different
and takes some lookalikes for one. A person it does not know again counts as somebody else: the
input is refused, or the faces are left out with their reason; `FacesSettings.same_person` settles
it.
"""

from collections import defaultdict
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facepipe.errors import BadInputError
from facepipe.identity.candidates import Candidate, Shelf
from facepipe.identity.company import together
from facepipe.identity.embedding import Embedder, arcface_crops
from facepipe.identity.settings import FacesSettings
from facepipe.landmarks.tracks import Landmarks

Person = Literal["only", "largest"]
"""`only`: the input must be about one person; `largest`: the most prominent of those in it."""
SAME_PERSON = {"builtin": 0.48, "arcface": 0.3}
"""Mean cosine from which the faces of two tracks are one person's."""
_TOLD = 3  # people, and files of each, that an error names
_FACES_PER_TRACK = 16  # enough for a mean; embedding every face twice would double the time


def find_person(
    usable: list[Candidate],
    landmarks: Landmarks,
    shelf: Shelf,
    embedder: Embedder,
    settings: FacesSettings,
    person: Person,
) -> set[int]:
    """The track ids of the person an input is about, from its usable faces.

    Raises:
        BadInputError: `only`, and a second person is seen about as often.
    """
    by_track: dict[int, list[Candidate]] = defaultdict(list)
    for face in usable:
        by_track[face.track_id].append(face)
    tracks = sorted(by_track)
    means = np.stack([_mean(by_track[track], shelf, embedder) for track in tracks])
    counts = np.array([len(by_track[track]) for track in tracks], np.float64)
    alike = least_alike(settings.same_person, embedder)
    groups = join(means, counts, together(tracks, landmarks), alike)
    people = [[face for place in group for face in by_track[tracks[place]]] for group in groups]
    return {face.track_id for face in _chosen(people, settings, person)}


def least_alike(same_person: float | None, embedder: Embedder) -> float:
    """The mean cosine from which two tracks are one person's; what suits the embedder if None."""
    if same_person is None:
        return SAME_PERSON.get(embedder.name, SAME_PERSON["arcface"])
    return same_person


def join(
    means: NDArray[np.float64],
    counts: NDArray[np.float64],
    apart: NDArray[np.bool_],
    alike: float,
) -> list[list[int]]:
    """Groups of tracks that show one person each (average linkage).

    Args:
        means: `(N, 512)` mean of each track's unit vectors, not normalised, so that their dot
            product is the mean cosine between the tracks' faces.
        counts: `(N,)` faces of each track.
        apart: `(N, N)` true where two tracks cannot be one person.
        alike: Least mean cosine of one person.
    """
    groups = [[place] for place in range(len(means))]
    cosine = np.where(apart | np.eye(len(means), dtype=bool), -np.inf, means @ means.T)
    weight = counts.copy()
    while len(groups) > 1:
        first, second = sorted(divmod(int(np.argmax(cosine)), len(means)))
        if cosine[first, second] < alike:
            break
        both = weight[first] * cosine[first] + weight[second] * cosine[second]
        weight[first] += weight[second]
        cosine[first] = cosine[:, first] = both / weight[first]
        cosine[second] = cosine[:, second] = -np.inf
        cosine[first, first] = -np.inf
        groups[first] += groups[second]
        groups[second] = []
    return [sorted(group) for group in groups if group]


def _mean(faces: list[Candidate], shelf: Shelf, embedder: Embedder) -> NDArray[np.float64]:
    places = np.unique(np.linspace(0, len(faces) - 1, _FACES_PER_TRACK).round().astype(int))
    crops = shelf.get([faces[place].crop for place in places])
    return embedder.embed(arcface_crops(crops)).astype(np.float64).mean(axis=0)


def _chosen(
    people: list[list[Candidate]], settings: FacesSettings, person: Person
) -> list[Candidate]:
    if person == "largest":
        # the face that fills most of the picture for longest; a tie goes to the earlier track
        return max(people, key=lambda faces: sum(face.face_px**2 for face in faces))
    ranked = sorted(people, key=len, reverse=True)
    first = len(ranked[0])
    often = [faces for faces in ranked if len(faces) >= settings.max_rival * first]
    if len(often) > 1:
        raise BadInputError(_too_many(often))
    return ranked[0]


def _too_many(people: list[list[Candidate]]) -> str:
    told = [
        f"person {number} in {len(faces)} frames of {_files(faces)}"
        for number, faces in enumerate(people[:_TOLD], 1)
    ]
    more = [f"{len(people) - _TOLD} more"] if len(people) > _TOLD else []
    seen = "; ".join(told + more)
    return (
        f"{len(people)} people are seen about equally often ({seen}), but an identity is one "
        f"person: leave out the files of the others or cut them to one person; if they are one "
        f"person, lower same_person or use an ArcFace embedder"
    )


def _files(faces: list[Candidate]) -> str:
    names = sorted({face.source for face in faces})
    more = [f"{len(names) - _TOLD} more"] if len(names) > _TOLD else []
    return ", ".join(names[:_TOLD] + more)
