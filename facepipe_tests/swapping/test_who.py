"""Who is who: people are told apart as a whole, whatever comes between."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from facepipe.errors import BadInputError, NoFaceError
from facepipe.identity.company import Company
from facepipe.landmarks.tracks import NO_TRACK
from facepipe.swapping.casting import Part
from facepipe.swapping.mapping import wishes_in
from facepipe.swapping.who import parts_of, who_is_who
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import WIDTH, landmarks_of

ADA, BEN, CAT = 0, 1, 2
"""People; a face in the fake strips has its person's number as colour, and its frame beside it."""


class Eye:
    """An embedder that sees who a painted square shows, but some squares as somebody else."""

    name, version, sha256, file = "eye", "1", "0" * 64, None

    def __init__(self, mistaken=()):
        self._mistaken = mistaken

    def embed(self, crops_rgb):
        vectors = np.full((len(crops_rgb), 512), 0.1 / 512**0.5, np.float32)
        for vector, crop in zip(vectors, crops_rgb, strict=True):
            who, frame = int(crop[0, 0, 0]), int(crop[0, 0, 1])
            vector[9 if (who, frame) in self._mistaken else who] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def target(spells, frames=20):
    """Landmarks and company of tracks, each `(person, first frame, last frame, place, slot)`."""
    points = np.full((frames, 2, 478, 3), np.nan, np.float32)
    ids = np.full((frames, 2), NO_TRACK, np.int32)
    rows, faces = [], []
    for track, (person, first, last, place, slot) in enumerate(spells):
        seen = slice(first, last + 1)
        points[seen, slot] = mesh_points() * 0.2 + np.float32([place * WIDTH, 0, 0])
        ids[seen, slot] = track
        rows.append((track, "clip.mp4", first / 25, last / 25, last - first + 1, 40.0, place))
        square = np.zeros((last - first + 1, 112, 112, 3), np.uint8)
        square[..., 0], square[..., 1] = person, np.arange(first, last + 1)[:, None, None]
        faces.append(square)
    names = ["track", "source", "first_s", "last_s", "frames", "face_px", "centre_x"]
    one = landmarks_of([None] * frames, [0] * frames, pts=range(0, 40 * frames, 40))
    landmarks = dataclasses.replace(
        one,
        points_px=points,
        track_id=ids,
        score=np.where(ids == NO_TRACK, np.nan, 0.9).astype(np.float32),
        bridged=np.zeros(ids.shape, bool),
    )
    return Company(pd.DataFrame(rows, columns=names), tuple(faces)), landmarks


COMING_AND_GOING = target(
    [
        (ADA, 0, 6, 0.2, 0),
        (BEN, 0, 12, 0.7, 1),
        (ADA, 9, 14, 0.6, 0),  # back, where another person was
        (BEN, 15, 19, 0.3, 1),  # after a cut
        (CAT, 17, 19, 0.9, 0),
    ]
)


def cast_of(people, target=COMING_AND_GOING, usual=frozenset({0}), pictures=None, eye=None):
    company, landmarks = target
    asked = wishes_in(people)
    compared = any(wish.kind == "picture" for wish in asked)
    known = who_is_who(company, landmarks, lambda: eye or Eye(), None, compared=compared)
    return parts_of(known, asked, usual, pictures or {})


def tracks_of(people, **more):
    return [set(part.tracks) for part in cast_of(people, **more)]


def test_a_person_who_comes_back_or_is_seen_after_a_cut_stays_one():
    assert tracks_of("x=one") == [{0, 2}]
    assert tracks_of("x=track:3 y=track:0") == [{1, 3}, {0, 2}]


def test_a_few_misjudged_faces_do_not_change_whose_a_track_is():
    eye = Eye(mistaken={(ADA, 9), (ADA, 12), (BEN, 3), (BEN, 17)})
    assert tracks_of("x=track:2 y=track:1", eye=eye) == [{0, 2}, {1, 3}]


def test_places_are_counted_from_the_left_over_all_frames():
    assert tracks_of("x=left-to-right:1 y=left-to-right:2 z=left-to-right:3") == [
        {0, 2}, {1, 3}, {4},
    ]  # fmt: skip


def test_who_is_hardly_seen_is_no_place():
    spells = [(CAT, 0, 1, 0.1, 0), (ADA, 2, 99, 0.3, 0), (BEN, 0, 99, 0.7, 1)]
    crowd = target(spells, frames=100)
    assert tracks_of("x=left-to-right:1", target=crowd) == [{1}]
    assert tracks_of("x=track:0", target=crowd) == [{0}]


def test_many_are_all_who_are_nobody_else_s_whatever_the_order():
    assert cast_of("x=many y=track:0") == [
        Part("x", frozenset({1, 3})), Part("x", frozenset({4})), Part("y", frozenset({0, 2})),
    ]  # fmt: skip


def test_a_frame_means_the_person_with_the_largest_face_in_it():
    company, landmarks = COMING_AND_GOING
    points = landmarks.points_px.copy()
    points[2, 1] = points[2, 1, :1] + 2 * (points[2, 1] - points[2, 1, :1])
    larger = company, dataclasses.replace(landmarks, points_px=points)
    assert tracks_of("x=reference:frame:2", target=larger) == [{1, 3}]


def test_a_picture_means_whom_most_of_their_faces_look_like():
    vector = Eye().embed(np.full((1, 112, 112, 3), BEN, np.uint8))[0]
    eye = Eye(mistaken={(BEN, frame) for frame in (0, 1, 2, 3, 17)})
    assert tracks_of("x=reference:/a.png", pictures={"/a.png": vector}, eye=eye) == [{1, 3}]


def test_one_track_needs_no_embedder():
    company, landmarks = target([(ADA, 0, 5, 0.5, 0)])

    def none():
        raise AssertionError

    known = who_is_who(company, landmarks, none, None, compared=False)
    assert parts_of(known, wishes_in("x=one"), frozenset({0}), {})[0].tracks == {0}


@pytest.mark.parametrize(
    ("people", "error", "said"),
    [
        ("x=track:7", BadInputError, r"no track 7; it has 0 \(0.0 to 0.2 s, at 20% of the width\)"),
        ("x=left-to-right:4", BadInputError, "shows 3 people, not 4"),
        ("x=reference:frame:20", BadInputError, "frames 0 to 19"),
        ("x=track:0 y=left-to-right:1", BadInputError, "the same person of the target"),
        ("x=one y=track:2", BadInputError, "x=one and y=track:2 are the same person"),
        ("x=track:0 y=track:1 z=track:4 w=many", NoFaceError, "everybody in the target"),
        ("x=reference:/a.png", NoFaceError, "nobody in the target looks like"),
    ],
)
def test_who_is_not_there_is_named(people, error, said):
    stranger = np.eye(512, dtype=np.float32)[40]
    with pytest.raises(error, match=said):
        cast_of(people, pictures={"/a.png": stranger})


def test_a_frame_without_a_face_and_a_target_without_anybody_are_refused():
    with pytest.raises(NoFaceError, match="shows no face"):
        cast_of("x=reference:frame:6", target=target([(ADA, 0, 5, 0.5, 0)]))
    with pytest.raises(NoFaceError, match="shows nobody"):
        cast_of("x=one", target=target([]))
