"""Real clips: who comes and goes, who turns away, and who is who beside somebody else."""

import numpy as np
import pytest

from facepipe.identity.company import gather_company
from facepipe.identity.embedding import builtin_embedder
from facepipe.inference.models import ensure_model
from facepipe.landmarks.detection import Clips, detect_to_file
from facepipe.landmarks.pose import head_pose_deg
from facepipe.landmarks.smoothing import smooth
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.frames import survey
from facepipe.swapping.casting import Part, cast
from facepipe.swapping.fading import MOST_STEP
from facepipe.swapping.film import film_of
from facepipe.swapping.mapping import wishes_in
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.video import swapped_frames
from facepipe.swapping.who import parts_of, who_is_who
from facepipe_tests.real import CLIPS, needs_real_media
from facepipe_tests.swapping.clips import Painter, one_part

pytestmark = [pytest.mark.realmedia, pytest.mark.slow, needs_real_media]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return ensure_model("face_landmarker", tmp_path_factory.mktemp("models"))


def landmarks_in(name, bundle, folder):
    """A clip's smoothed landmarks, found as the pipeline finds them."""
    path = CLIPS / f"{name}.mp4"
    clips = Clips(path.parent, [path], survey(path.parent, [path]))
    detect_to_file(clips, bundle, folder / "landmarks.npz")
    return film_of([path], smooth(Landmarks.load(folder / "landmarks.npz")))


def whole(film):
    """Every track, as if it were one person's."""
    return frozenset(int(track) for track in np.unique(film.landmarks.track_id) if track >= 0)


def test_frames_before_and_after_a_face_are_the_target_s_bit_for_bit(bundle, tmp_path):
    film = landmarks_in("dev_face_enters_leaves", bundle, tmp_path)
    take, settings = one_part(film, whole(film), Painter()), SwapSettings()
    shown = list(swapped_frames(take, settings, film.frames()))
    same = [np.array_equal(each.rgb, each.frame.rgb) for each in shown]
    assert same[:50] == [True] * 50
    assert same[101:] == [True] * 24
    assert sum(same[50:100]) <= 2
    opacity = cast(film.landmarks, take.parts, settings).roles[0].opacity
    within = np.diff(film.landmarks.scene) == 0
    assert np.abs(np.diff(opacity))[within].max() <= 0.2 + 1e-4


@pytest.mark.parametrize("max_yaw_deg", [25.0, 35.0, 65.0])
def test_a_head_that_turns_away_fades_and_never_pops(bundle, tmp_path, max_yaw_deg):
    film = landmarks_in("dev_large_pose", bundle, tmp_path)
    settings = SwapSettings(max_yaw_deg=max_yaw_deg)
    (role,) = cast(film.landmarks, [Part("ada", whole(film))], settings).roles
    yaw = np.abs(head_pose_deg(film.landmarks.points_px[:, 0])[:, 0])
    assert np.abs(np.diff(role.opacity)).max() <= MOST_STEP + 1e-5
    assert (role.opacity[yaw >= max_yaw_deg] == 0).all()
    assert (role.opacity[yaw < max_yaw_deg] > 0).all()


def test_two_people_side_by_side_are_two_and_known_by_their_place(bundle, tmp_path):
    film = landmarks_in("dev_two_faces", bundle, tmp_path)
    company = gather_company(CLIPS, film.landmarks)
    people = who_is_who(company, film.landmarks, builtin_embedder, None, compared=False)
    assert len(people.from_left()) == 2
    wishes = wishes_in("ada=left-to-right:2 eve=left-to-right:1")
    right, left = cast(
        film.landmarks, parts_of(people, wishes, frozenset(), {}), SwapSettings()
    ).roles
    for frame in range(len(film.landmarks.frame_index)):
        centres = [role.face_px(frame)[:, 0].mean() for role in (left, right)]
        assert centres[0] < 240 < centres[1]
