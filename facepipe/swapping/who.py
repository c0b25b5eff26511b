"""Who is who in a target, and who is therefore replaced by whom.

Tracks are joined into people by the mean cosine of their faces, so that a person who leaves and
comes back, or is seen again after a cut, stays one. A track is decided as a whole, by the votes of
its faces over all of its time, and never changes sides from one frame to the next.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.errors import BadInputError, NoFaceError
from facepipe.identity.company import Company, together
from facepipe.identity.embedding import Embedder
from facepipe.identity.people import join, least_alike
from facepipe.landmarks.tracks import Landmarks
from facepipe.swapping.casting import Part
from facepipe.swapping.mapping import Wish

_RARE = 0.05  # of the frames of who is seen most; who is seen less is no place from left to right
_MOST_VOTES = 0.5
_NAMED = 12  # tracks that an error lists
Tracks = frozenset[int]


@dataclass(frozen=True, eq=False)
class People:
    """Everybody in a target.

    Attributes:
        company: the tracks, and faces of each.
        landmarks: of the film.
        vectors: unit vectors `(n, 512)` of each track's faces, by its number; empty where there is
            but one track.
        groups: the tracks of each person.
        alike: cosine from which two faces are one person's.
    """

    company: Company
    landmarks: Landmarks
    vectors: Mapping[int, NDArray[np.float64]]
    groups: tuple[Tracks, ...]
    alike: float

    def from_left(self) -> list[Tracks]:
        """The people from left to right, by their mean place; without those rarely seen."""
        told = self.company.tracks.set_index("track")
        frames = [int(told.loc[sorted(group), "frames"].sum()) for group in self.groups]
        often = [
            group
            for group, count in zip(self.groups, frames, strict=True)
            if count >= _RARE * max(frames)
        ]
        return sorted(often, key=lambda group: self._centre_x(group))

    def of_track(self, wish: Wish) -> Tracks:
        """The person that a track shows."""
        for group in self.groups:
            if wish.number in group:
                return group
        raise BadInputError(
            f"{wish}: the target has no track {wish.number}; it has {self._listed()}"
        )

    def at_place(self, wish: Wish) -> Tracks:
        """The person at a place from left to right."""
        people = self.from_left()
        if wish.number > len(people):
            raise BadInputError(
                f"{wish}: the target shows {len(people)} people, not {wish.number}; its tracks "
                f"are {self._listed()}"
            )
        return people[wish.number - 1]

    def in_frame(self, wish: Wish) -> Tracks:
        """The person with the largest face in a frame."""
        total = len(self.landmarks.frame_index)
        if wish.number >= total:
            raise BadInputError(f"{wish}: the target has frames 0 to {total - 1}")
        seen = np.flatnonzero(self.landmarks.seen[wish.number])
        if not seen.size:
            raise NoFaceError(f"{wish}: frame {wish.number} of the target shows no face")
        boxes = np.ptp(self.landmarks.points_px[wish.number, seen, :, :2], axis=1)
        largest = int(seen[boxes.max(axis=1).argmax()])
        track = int(self.landmarks.track_id[wish.number, largest])
        return next(group for group in self.groups if track in group)

    def like_picture(self, wish: Wish, vector: FloatArray) -> Tracks:
        """The person for whom most of their faces vote: those alike the picture's `(512,)`.

        Of two such groups that are never seen together both are the person, so that somebody
        whom the embedder took for two is found whole.
        """
        likeness = {group: self._faces(group) @ vector for group in self.groups}
        voted = [
            group
            for group, cosines in likeness.items()
            if (cosines >= self.alike).mean() > _MOST_VOTES
        ]
        if not voted:
            best = max(float(cosines.mean()) for cosines in likeness.values())
            raise NoFaceError(
                f"{wish}: nobody in the target looks like the face in it: the likest has a mean "
                f"cosine of {best:.2f}, and most faces of a person must reach {self.alike:g} "
                f"(same_person); the target's tracks are {self._listed()}"
            )
        voted.sort(key=lambda group: -float(likeness[group].mean()))
        found = voted[0]
        for group in voted[1:]:
            if not self._seen_together(found, group):
                found |= group
        return found

    def usual(self, tracks: Tracks) -> Tracks:
        """The person whom these tracks show for longest, with all other tracks of theirs."""
        told = self.company.tracks.set_index("track")["frames"]
        shares = [int(told.reindex(sorted(group & tracks)).sum()) for group in self.groups]
        return self.groups[int(np.argmax(shares))] | tracks

    def _faces(self, group: Tracks) -> NDArray[np.float64]:
        return np.concatenate([self.vectors[track] for track in sorted(group)])

    def _seen_together(self, one: Tracks, other: Tracks) -> bool:
        ids = self.landmarks.track_id
        here = np.isin(ids, list(one)).any(axis=1) & np.isin(ids, list(other)).any(axis=1)
        return bool(here.any())

    def _centre_x(self, group: Tracks) -> float:
        told = self.company.tracks[self.company.tracks["track"].isin(group)]
        return float(np.average(told["centre_x"], weights=told["frames"]))

    def _listed(self) -> str:
        told = self.company.tracks
        named = [
            f"{row.track} ({row.first_s:.1f} to {row.last_s:.1f} s, at {row.centre_x:.0%} of the "
            f"width)"
            for row in told.head(_NAMED).itertuples()
        ]
        more = [f"{len(told) - _NAMED} more"] if len(told) > _NAMED else []
        return ", ".join(named + more)


def who_is_who(
    company: Company,
    landmarks: Landmarks,
    embedder: Callable[[], Embedder],
    same_person: float | None,
    *,
    compared: bool,
) -> People:
    """Join a target's tracks into people.

    Args:
        company: the tracks.
        landmarks: of the film.
        embedder: makes what tells faces apart; asked for only if there is something to compare.
        same_person: mean cosine from which tracks are one person's; None takes what suits the
            embedder.
        compared: whether the people will be compared with a picture.

    Raises:
        NoFaceError: The target has no track.
    """
    tracks = [int(track) for track in company.tracks["track"]]
    if not tracks:
        raise NoFaceError("the target shows nobody; needed is a face that is seen for 0.2 s")
    if len(tracks) == 1 and not compared:
        return People(company, landmarks, {}, (frozenset(tracks),), 1.0)
    by = embedder()
    vectors = [by.embed(faces).astype(np.float64) for faces in company.faces]
    alike = least_alike(same_person, by)
    groups = join(
        np.stack([faces.mean(axis=0) for faces in vectors]),
        company.tracks["frames"].to_numpy(np.float64),
        together(tracks, landmarks),
        alike,
    )
    people = tuple(frozenset(tracks[place] for place in group) for group in groups)
    return People(company, landmarks, dict(zip(tracks, vectors, strict=True)), people, alike)


def parts_of(
    people: People,
    wishes: Sequence[Wish],
    usual: Tracks,
    pictures: Mapping[str, FloatArray],
) -> list[Part]:
    """Whose face each person gets, in the order of the wishes; nobody gets two.

    Args:
        people: of the target.
        wishes: what was asked for.
        usual: tracks of the person whom `one` means.
        pictures: `(512,)` unit vector of each reference picture, by its path.

    Raises:
        BadInputError: A track, place or frame that there is not, or two wishes for one person.
        NoFaceError: Nobody is left, or looks like a picture.
    """
    claimed: dict[Wish, list[Tracks]] = {}
    for wish in sorted(wishes, key=lambda wish: wish.kind == "many"):  # who gets those left
        taken = frozenset[int]().union(*(group for groups in claimed.values() for group in groups))
        claimed[wish] = list(_claimed(people, wish, taken, usual, pictures))
        _check_free(claimed, wish, taken)
    return [Part(wish.identity, tracks) for wish in wishes for tracks in claimed[wish]]


def _claimed(
    people: People,
    wish: Wish,
    taken: Tracks,
    usual: Tracks,
    pictures: Mapping[str, FloatArray],
) -> Iterator[Tracks]:
    if wish.kind == "many":
        yield from (group for group in people.groups if not group & taken)
    elif wish.kind == "picture":
        yield people.like_picture(wish, pictures[wish.path])
    else:
        yield {
            "one": lambda: people.usual(usual),
            "track": lambda: people.of_track(wish),
            "left-to-right": lambda: people.at_place(wish),
            "frame": lambda: people.in_frame(wish),
        }[wish.kind]()


def _check_free(claimed: Mapping[Wish, list[Tracks]], wish: Wish, taken: Tracks) -> None:
    if not claimed[wish]:
        raise NoFaceError(f"{wish}: everybody in the target is mapped to somebody else already")
    mine = claimed[wish][0]
    if mine & taken:
        other = next(w for w, groups in claimed.items() if any(mine & group for group in groups))
        raise BadInputError(
            f"{other} and {wish} are the same person of the target (tracks "
            f"{', '.join(map(str, sorted(mine & taken)))}); give each a person of their own"
        )
