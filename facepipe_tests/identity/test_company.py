"""Company: every track of a target is kept with some of its faces."""

import numpy as np
import pytest

from facepipe.errors import BadInputError
from facepipe.identity.company import FACES_PER_TRACK, Company, gather_company, together
from facepipe_tests.compositing.painted import mesh_points, turned
from facepipe_tests.swapping.clips import WIDTH, frame_of, landmarks_of, write_clip

TRACKS = [5] * 30 + [8] * 2
PTS = tuple(range(0, 40 * 32, 40))


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """Of a clip with a long and a short track; only some frames show the face from the front."""
    folder = tmp_path_factory.mktemp("company")
    front, aside = mesh_points(), turned(mesh_points(), 40)
    shown = [frame_of(front if row % 3 == 0 else aside) for row in range(len(TRACKS))]
    write_clip(folder / "clip.mp4", [rgb for rgb, _ in shown], PTS, sound=False)
    landmarks = landmarks_of([points for _, points in shown], TRACKS, pts=PTS)
    return folder, landmarks, gather_company(folder, landmarks)


def test_each_track_has_a_row_and_some_faces(company):
    _, landmarks, found = company
    assert found.tracks["track"].tolist() == [5, 8]
    assert found.tracks["frames"].tolist() == [30, 2]
    assert [len(faces) for faces in found.faces] == [FACES_PER_TRACK, 2]
    expected = landmarks.points_px[:30, 0, :, 0].mean() / WIDTH
    assert found.tracks["centre_x"][0] == pytest.approx(expected, rel=1e-5)
    assert found.tracks["last_s"][0] == pytest.approx(29 * 0.04)


def test_a_face_seen_from_the_front_is_preferred(company):
    folder, _, found = company
    frontal = landmarks_of([frame_of(mesh_points())[1]] * 32, TRACKS, pts=PTS)
    front = gather_company(folder, frontal).faces[0][0]  # the first frame shows it so
    apart = [np.abs(face.astype(int) - front).mean() for face in found.faces[0]]
    assert np.median(apart) < 3


def test_what_is_saved_is_read_back(company, tmp_path):
    _, _, found = company
    found.save(tmp_path)
    again = Company.load(tmp_path)
    assert again.tracks.equals(found.tracks)
    for faces, same in zip(found.faces, again.faces, strict=True):
        np.testing.assert_array_equal(faces, same)
    np.testing.assert_array_equal(again.faces_of({8}), found.faces[1])
    (tmp_path / "tracks" / "000008.png").write_bytes(b"no picture")
    with pytest.raises(BadInputError, match="make target/people again"):
        Company.load(tmp_path)


def test_the_same_media_give_the_same_bytes(company, tmp_path):
    folder, landmarks, found = company
    found.save(tmp_path / "a")
    gather_company(folder, landmarks).save(tmp_path / "b")
    first, second = (
        {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second


def test_tracks_that_share_a_frame_are_together(company):
    _, landmarks, _ = company
    np.testing.assert_array_equal(together([5, 8], landmarks), np.eye(2, dtype=bool))
