"""How people move, and how their eyes and mouths are known while they do."""

import numpy as np
import pytest

from facepipe.synthetic import POINT_NAMES, Clip, Identity, MotionSettings, render
from facepipe.synthetic.motion import BLINK_S, MOUTH_OPEN, move

STILL = MotionSettings(yaw_deg=0, pitch_deg=0, roll_deg=0, sway=0)


def column(moments, name):
    return np.array([getattr(moment, name) for moment in moments])


@pytest.mark.parametrize("seed", range(6))
def test_motion_stays_within_its_settings(seed):
    settings = MotionSettings(yaw_deg=40, pitch_deg=5, roll_deg=3)
    moments = move(seed, 900, 30, settings)
    for name, bound in (("yaw_deg", 40), ("pitch_deg", 5), ("roll_deg", 3)):
        assert bound / 2 < np.abs(column(moments, name)).max() <= bound
    assert column(moments, "scale").max() <= settings.largest_scale
    assert column(moments, "mouth_open").max() <= MOUTH_OPEN


def test_turning_is_scaled_without_changing_anything_else():
    usual, half = (move(6, 30, 30, MotionSettings(yaw_deg=yaw)) for yaw in (25, 12.5))
    assert np.allclose(column(half, "yaw_deg"), column(usual, "yaw_deg") / 2)
    for name in ("pitch_deg", "roll_deg", "x", "scale", "mouth_open", "blink", "smile"):
        assert np.array_equal(column(half, name), column(usual, name))


def test_no_motion_leaves_only_eyes_and_mouth_moving():
    moments = move(6, 60, 30, STILL)
    for name in ("yaw_deg", "pitch_deg", "roll_deg", "x", "y"):
        assert not column(moments, name).any()
    assert np.ptp(column(moments, "mouth_open")) > 0
    assert np.ptp(column(moments, "gaze_x")) > 0


@pytest.mark.parametrize("fps", [10.0, 30.0])
def test_everyone_blinks_and_talks_at_any_frame_rate(fps):
    moments = move(43, round(8 * fps), fps, MotionSettings())
    blink = column(moments, "blink")
    closings = np.sum((blink[1:] > 0.5) & (blink[:-1] <= 0.5))
    assert 8 / 3.2 - 1 <= closings <= 8 / 1.4
    assert (blink > 0.5).sum() / fps == pytest.approx(closings * 2 * BLINK_S, rel=0.5)
    assert column(moments, "mouth_open").max() > MOUTH_OPEN / 3


def test_a_longer_clip_begins_like_a_shorter_one():
    short, long = (move(7, frames, 30, MotionSettings()) for frames in (20, 200))
    for name in ("yaw_deg", "blink", "mouth_open", "smile"):
        assert np.allclose(column(short, name), column(long, name)[:20])


def test_openings_are_known_in_millimetres_and_in_pixels():
    clip = Clip(seeds=(43,), size=128, frames=90, motion=STILL)
    truths = [truth for _, truth in render(clip, range(0, 90, 3))]
    eye_mm = np.array([truth.eye_opening_mm[0] for truth in truths])
    mouth_mm = np.array([truth.mouth_opening_mm[0] for truth in truths])
    eye_px = np.array([truth.eye_opening_px[0].mean() for truth in truths])
    mouth_px = np.array([truth.mouth_opening_px[0] for truth in truths])
    per_mm = 128 * 0.29 / 100  # and 12 % larger, as the face is nearer than the head's middle
    assert eye_mm.max() == pytest.approx(100 * Identity.sample(43).eye_h)
    assert eye_mm.min() == pytest.approx(0)
    assert np.allclose(eye_px, eye_mm * per_mm * 1.12, atol=0.15)
    assert np.allclose(mouth_px, mouth_mm * per_mm * 1.13, atol=0.3)
    assert mouth_mm.max() > 5


def test_a_closed_eye_hides_its_pupil_and_its_blue_iris():
    clip = Clip(seeds=(43,), size=128, frames=90, motion=STILL)
    blink = column(move(43, 90, clip.fps, STILL), "blink")
    (shut, shut_truth), (wide, wide_truth) = render(clip, [np.argmax(blink), np.argmin(blink)])
    pupils = [POINT_NAMES.index("pupil_r"), POINT_NAMES.index("pupil_l")]
    assert wide_truth.points_px[0, pupils, 2].all()
    assert not shut_truth.points_px[0, pupils, 2].any()
    x, y = wide_truth.point_px("pupil_r")[0].astype(int)
    bluest = [
        (eye[..., 2] - eye[..., 0]).max()
        for eye in (frame[y - 4 : y + 5, x - 5 : x + 6].astype(int) for frame in (shut, wide))
    ]
    assert bluest[0] < 0 < 10 < bluest[1]
