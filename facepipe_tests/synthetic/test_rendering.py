"""What a rendered frame shows, and what its ground truth says about it."""

from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from facepipe.errors import SettingsError
from facepipe.synthetic import (
    CAST,
    POINT_NAMES,
    Clip,
    MotionSettings,
    Truth,
    load_truth,
    render,
    save_truth,
)

SIZE = 96
STILL = MotionSettings(yaw_deg=0, pitch_deg=0, roll_deg=0, sway=0)


def frames_of(clip, frames=None):
    return [frame for frame, _ in render(clip, frames)]


def truths_of(clip, frames=None):
    return [truth for _, truth in render(clip, frames)]


def inside(mask, points):
    """Whether points (K, 3) lie in a mask, give or take a pixel."""
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    return grown[points[:, 1].astype(int), points[:, 0].astype(int)] > 0


def test_the_same_clip_gives_the_same_bytes():
    clip = Clip(seeds=(6, 43), size=SIZE, frames=3, occluder="hand", sensor=3, blur=0.5)
    assert all(map(np.array_equal, frames_of(clip), frames_of(clip)))


def test_a_frame_does_not_depend_on_the_frames_rendered_before_it():
    clip = Clip(seeds=(6,), size=SIZE, frames=6, cut=3, sensor=3)
    assert np.array_equal(frames_of(clip)[4], frames_of(clip, [4])[0])


def test_another_seed_gives_another_person():
    one, other = (frames_of(Clip(seeds=(seed,), size=SIZE, frames=1))[0] for seed in CAST[:2])
    assert np.abs(one.astype(int) - other).mean() > 10


@pytest.mark.parametrize("seed", CAST)
def test_visible_points_lie_on_the_drawn_face(seed):
    for truth in truths_of(Clip(seeds=(seed,), size=SIZE, frames=60), (0, 20, 40, 59)):
        points = truth.points_px[0]
        on_face = inside(truth.face[0], points[points[:, 2] > 0])
        assert points[:, 2].sum() >= len(POINT_NAMES) / 2
        assert on_face.mean() > 0.9  # hair, glasses and the chin's edge may cover one
        assert inside(truth.person[0], points).all()


def test_a_face_looking_ahead_is_where_its_points_are_expected():
    truth = truths_of(Clip(seeds=(43,), size=SIZE, frames=1, motion=STILL))[0]
    place = {name: truth.point_px(name)[0] for name in POINT_NAMES}
    assert place["eye_r_outer"][0] < place["eye_r_inner"][0] < place["nose_tip"][0]
    assert place["nose_tip"][0] < place["eye_l_inner"][0] < place["eye_l_outer"][0]
    assert place["lid_r_top"][1] < place["nose_tip"][1] < place["lip_top"][1] < place["chin"][1]
    assert place["nose_tip"][0] == pytest.approx(SIZE / 2, abs=1)


def test_the_pupil_is_drawn_dark_where_the_truth_has_it():
    clip = Clip(seeds=(43,), size=256, frames=1, motion=STILL)
    frame, truth = next(render(clip))
    for name in ("pupil_r", "pupil_l"):
        x, y = truth.point_px(name)[0].astype(int)
        assert frame[y - 1 : y + 2, x - 1 : x + 2].mean() < 60
        assert frame[y - 1 : y + 2, x - 9 : x + 10].max() > 120


def test_masks_of_several_people_are_disjoint_and_faces_belong_to_their_people():
    truth = truths_of(Clip(seeds=(6, 43, 7), size=SIZE, frames=1))[0]
    assert truth.person.sum(0).max() == 1
    assert not (truth.face & ~truth.person).any()
    assert (truth.face.sum((1, 2)) > SIZE).all()


def test_people_stand_from_left_to_right():
    truth = truths_of(Clip(seeds=(6, 43), size=SIZE, frames=1))[0]
    assert truth.point_px("nose_tip")[0, 0] < truth.point_px("nose_tip")[1, 0]
    assert truth.identities.tolist() == [6, 43]


@pytest.mark.parametrize("kind", ["hand", "stick"])
def test_the_occlusion_mask_is_what_an_object_changes(kind):
    plain, covered = (Clip(seeds=(6,), size=SIZE, frames=9, occluder=what) for what in ("", kind))
    (before, free), (after, truth) = (next(render(clip, [4])) for clip in (plain, covered))
    changed = (before != after).any(-1)
    around = cv2.dilate(truth.occlusion.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert truth.occlusion.any()
    assert not free.occlusion.any()
    assert changed[truth.occlusion].mean() > 0.98
    assert not changed[~around].any()


def test_points_behind_an_object_are_not_visible():
    truth = truths_of(Clip(seeds=(6,), size=SIZE, frames=9, occluder="hand"), [4])[0]
    rows, cols = truth.points_px[0, :, 1].astype(int), truth.points_px[0, :, 0].astype(int)
    hidden = truth.occlusion[rows, cols]
    assert hidden.any()
    assert not truth.points_px[0, hidden, 2].any()


def test_a_cut_changes_people_and_background_at_once():
    clip = Clip(seeds=(6,), size=SIZE, frames=4, cut=2)
    frames, truths = frames_of(clip), truths_of(clip)
    step = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert step[1] > 3 * max(step[0], step[2])
    assert [truth.shot for truth in truths] == [0, 0, 1, 1]
    assert [int(truth.identities[0]) for truth in truths] == [6, 6, 106, 106]


def test_noise_and_blur_change_the_picture_and_not_the_truth():
    clean, noisy, soft = (
        next(render(Clip(seeds=(6,), size=SIZE, frames=1, **extra)))
        for extra in ({}, {"sensor": 5.0}, {"blur": 1.5})
    )
    noise = noisy[0].astype(float) - clean[0]
    assert noise.std() == pytest.approx(5, rel=0.1)
    assert cv2.Laplacian(soft[0], cv2.CV_64F).var() < cv2.Laplacian(clean[0], cv2.CV_64F).var() / 4
    assert np.array_equal(clean[1].points_px, noisy[1].points_px)


def test_truth_survives_being_saved(tmp_path: Path):
    truths = truths_of(Clip(seeds=(6, 43), size=SIZE, frames=2, occluder="stick"))
    save_truth(truths, tmp_path / "truth.npz")
    for before, after in zip(truths, load_truth(tmp_path / "truth.npz"), strict=True):
        for field in fields(Truth):
            assert np.array_equal(getattr(before, field.name), getattr(after, field.name))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seeds": ()}, "Clip.seeds is .*at least one"),
        ({"size": 98}, "Clip.size is 98: .*multiple of 4"),
        ({"frames": 0}, "Clip.frames is 0"),
        ({"fps": 0.0}, "Clip.fps is 0.0"),
        ({"occluder": "cat"}, "Clip.occluder is 'cat'"),
        ({"cut": 90}, "Clip.cut is 90: .*frame of the clip"),
        ({"sensor": -1.0}, "Clip.sensor is -1.0"),
        ({"blur": -1.0}, "Clip.blur is -1.0"),
    ],
)
def test_a_clip_refuses_values_out_of_range(wrong, message):
    with pytest.raises(SettingsError, match=message):
        Clip(**wrong)
