"""The faces of one person are found, measured, and every one left out says why."""

import numpy as np
import pytest

from facepipe.errors import BadInputError, NoFaceError, SettingsError
from facepipe.identity.embedding import arcface_crops, builtin_embedder
from facepipe.identity.faces import build_faces
from facepipe.identity.settings import FacesSettings
from facepipe.landmarks.alignment import apply_transform

ANNA, BELA, CARL = 1, 2, 4
RIGHT = (320, 20)


def build(stage, person="only", **settings):
    return build_faces(*stage.build(), FacesSettings(**settings), builtin_embedder(), person)


def add(stage, count, *faces, clip="clip.mp4"):
    for _ in range(count):
        stage.frame(*faces, clip=clip)
    return stage


def reasons(rejected):
    return rejected["reason"].value_counts().to_dict()


def test_every_good_face_is_kept_in_order(stage):
    faces, rejected = build(add(stage, 6, {"person": ANNA, "track": 0}))
    assert len(rejected) == 0
    np.testing.assert_array_equal(faces.frame_index, np.arange(6))
    np.testing.assert_allclose(faces.pts_s, np.arange(6) / 25, atol=1e-6)
    assert faces.sources == ("clip.mp4",)


def test_crops_points_and_transforms_agree(stage):
    faces, _ = build(add(stage, 3, {"person": ANNA, "track": 0, "at": (100, 40), "scale": 0.9}))
    _, landmarks, _ = stage.build()
    moved = apply_transform(faces.transforms[0], landmarks.points_px[0, 0])
    np.testing.assert_allclose(moved, faces.points_px[0], atol=1e-3)
    upright = np.abs(faces.transforms[0] - [[1 / 0.9, 0, -100 / 0.9], [0, 1 / 0.9, -40 / 0.9]])
    assert upright.max() < 0.05
    # the cut shows the painted person at their place: skin in the mask, hair above it
    assert faces.masks[0, 200, 160]
    assert not faces.masks[0, 5, 5]


def test_size_pose_and_sharpness_are_measured(stage):
    add(stage, 3, {"person": ANNA, "track": 0, "yaw": 20})
    add(stage, 3, {"person": ANNA, "track": 0, "yaw": -10, "blur": 4})
    faces, _ = build(stage, min_sharpness=0)
    np.testing.assert_allclose(faces.pose_deg[:, 0], [20, 20, 20, -10, -10, -10], atol=0.5)
    assert faces.face_px.min() > 200
    assert faces.sharpness[:3].min() > faces.sharpness[3:].max()


def test_only_selected_frames_are_looked_at(stage):
    add(stage, 8, {"person": ANNA, "track": 0})
    folder, landmarks, table = stage.build()
    chosen = table.assign(selected=table["frame_index"].isin([1, 4, 6]))
    faces, rejected = build_faces(folder, landmarks, chosen, FacesSettings(), builtin_embedder())
    assert faces.frame_index.tolist() == [1, 4, 6]
    assert len(rejected) == 0


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        pytest.param({"scale": 0.25}, "too_small", id="small"),
        pytest.param({"score": 0.3}, "low_score", id="unsure"),
        pytest.param({"at": (-160, 20)}, "cut_off", id="half out of the frame"),
        pytest.param({"yaw": 70}, "extreme_pose", id="in profile"),
        pytest.param({"blur": 9}, "too_blurred", id="blurred against the others"),
        pytest.param({"score": float("nan")}, "low_score", id="without a score"),
    ],
)
def test_an_unusable_face_is_left_out_with_its_reason(stage, odd, reason):
    add(stage, 4, {"person": ANNA, "track": 0})
    add(stage, 1, {"person": ANNA, "track": 0, **odd})
    faces, rejected = build(stage)
    assert len(faces) == 4
    assert reasons(rejected) == {reason: 1}
    assert rejected["frame_index"].tolist() == [4]


def test_a_frame_without_a_face_is_listed(stage):
    add(add(stage, 3, {"person": ANNA, "track": 0}), 2)
    _, rejected = build(stage)
    assert reasons(rejected) == {"no_face": 2}


def test_points_filled_in_between_two_sightings_are_not_a_face(stage):
    add(stage, 5, {"person": ANNA, "track": 0})
    folder, landmarks, table = stage.build()
    bridged = landmarks.bridged.copy()
    bridged[2] = True
    filled = landmarks.with_points(landmarks.points_px, landmarks.track_id, bridged)
    faces, rejected = build_faces(folder, filled, table, FacesSettings(), builtin_embedder())
    assert faces.frame_index.tolist() == [0, 1, 3, 4]
    assert reasons(rejected) == {"no_face": 1}


def test_two_people_seen_equally_often_are_refused(stage):
    add(stage, 4, {"person": ANNA, "track": 0}, {"person": BELA, "track": 1, "at": RIGHT})
    with pytest.raises(BadInputError, match=r"2 people .*4 frames of clip\.mp4.*one person"):
        build(stage)


def test_two_who_share_a_frame_are_two_however_alike(stage):
    add(stage, 4, {"person": ANNA, "track": 0}, {"person": ANNA, "track": 1, "at": RIGHT})
    with pytest.raises(BadInputError, match="2 people"):
        build(stage)


def test_people_in_two_files_are_told_apart_and_named(stage):
    add(stage, 4, {"person": ANNA, "track": 0}, clip="a.mp4")
    add(stage, 4, {"person": BELA, "track": 1}, clip="b.mp4")
    with pytest.raises(BadInputError, match=r"person 1 in 4 frames of a\.mp4; person 2 .*b\.mp4"):
        build(stage)


def test_one_person_in_two_files_is_one(stage):
    add(stage, 4, {"person": ANNA, "track": 0}, clip="a.mp4")
    add(stage, 4, {"person": ANNA, "track": 1, "scale": 0.8}, clip="b.mp4")
    faces, _ = build(stage)
    assert faces.source.tolist() == [0] * 4 + [1] * 4


def test_somebody_passing_by_is_left_out(stage):
    add(stage, 6, {"person": ANNA, "track": 0})
    add(stage, 2, {"person": ANNA, "track": 0}, {"person": BELA, "track": 1, "at": RIGHT})
    faces, rejected = build(stage)
    assert set(faces.track_id) == {0}
    assert reasons(rejected) == {"other_person": 2}


def test_a_person_who_comes_back_in_another_track_is_the_same(stage):
    add(stage, 3, {"person": ANNA, "track": 0})
    add(stage, 3, {"person": BELA, "track": 1})
    add(stage, 4, {"person": ANNA, "track": 2, "at": RIGHT})
    faces, rejected = build(stage, max_rival=0.6)
    assert set(faces.track_id) == {0, 2}
    assert reasons(rejected) == {"other_person": 3}


def test_the_largest_of_two_is_chosen_whatever_the_slot(stage, tmp_path_factory):
    small = {"person": ANNA, "track": 0, "scale": 0.6}
    large = {"person": BELA, "track": 1, "at": RIGHT}
    add(stage, 3, small, large)
    faces, rejected = build(stage, "largest")
    assert set(faces.track_id) == {1}
    assert reasons(rejected) == {"other_person": 3}
    other = type(stage)(tmp_path_factory.mktemp("swapped"))
    assert set(build(add(other, 3, large, small), "largest")[0].track_id) == {1}


def test_same_person_setting_decides_who_is_one(stage):
    add(stage, 4, {"person": ANNA, "track": 0}, clip="a.mp4")
    add(stage, 4, {"person": BELA, "track": 1}, clip="b.mp4")
    faces, _ = build(stage, same_person=-1.0)
    assert len(faces) == 8


def test_media_without_any_face_are_named(stage):
    with pytest.raises(NoFaceError, match=r"clip\.mp4: 0 of 3 selected frames show a face"):
        build(add(stage, 3))


def test_too_few_usable_faces_are_counted_by_reason(stage):
    add(stage, 2, {"person": ANNA, "track": 0})
    add(stage, 3, {"person": ANNA, "track": 0, "scale": 0.2})
    add(stage, 1)
    with pytest.raises(NoFaceError, match=r"2 of 6 faces .*3; left out: no_face 1, too_small 3"):
        build(stage)


def test_nothing_usable_at_all_is_counted_by_reason(stage):
    add(stage, 3, {"person": ANNA, "track": 0, "scale": 0.2})
    with pytest.raises(NoFaceError, match=r"0 of 3 faces .*too_small 3"):
        build(stage)


def test_the_same_inputs_give_the_same_faces(stage):
    add(stage, 3, {"person": CARL, "track": 0})
    (first, _), (second, _) = build(stage), build(stage)
    np.testing.assert_array_equal(first.crops_rgb, second.crops_rgb)
    np.testing.assert_array_equal(first.points_px, second.points_px)


def test_arcface_squares_are_the_face_at_half_size(make_faces):
    crops = make_faces([ANNA]).crops_rgb
    square = arcface_crops(crops)[0]
    assert square.shape == (112, 112, 3)
    # every second pixel from (48, 32), smoothed by a pixel
    difference = square.astype(int) - crops[0][32:256:2, 48:272:2]
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize(
    "wrong", [{"min_face_px": 3}, {"max_yaw_deg": 120}, {"embedder": "best"}, {"same_person": 2}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} is "):
        FacesSettings(**wrong)
