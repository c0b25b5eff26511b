"""Smoothing calms noise, keeps blinks and speech, and leaves long gaps and cuts alone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import savgol_filter

from facepipe.errors import SettingsError
from facepipe.landmarks.smoothing import (
    SmoothingSettings,
    bridge_gaps,
    smooth,
    tremble,
    window_frames,
)
from facepipe.synthetic import CAST, MotionSettings
from facepipe.synthetic.motion import move

SETTINGS = SmoothingSettings(window_s=0.28, order=2, max_gap_s=0.2)  # 7 frames, 5 frames at 25 fps
UNEVEN = np.cumsum(np.tile([0.02, 0.06, 0.04, 0.03], 13))


@pytest.mark.parametrize("pts_s", [None, UNEVEN], ids=["even times", "variable rate"])
def test_quadratic_motion_passes_unchanged(make_landmarks, pts_s):
    landmarks = make_landmarks(pts_s=pts_s)
    np.testing.assert_allclose(
        smooth(landmarks, SETTINGS).points_px, landmarks.points_px, atol=2e-3
    )


def test_on_even_times_it_is_the_classic_filter(make_landmarks):
    landmarks = make_landmarks(noise_px=1.0)
    classic = savgol_filter(landmarks.points_px[:, 0].astype(float), 7, 2, axis=0)
    np.testing.assert_allclose(smooth(landmarks, SETTINGS).points_px[:, 0], classic, atol=1e-3)


@pytest.mark.parametrize("pts_s", [None, UNEVEN], ids=["even times", "variable rate"])
def test_noise_is_calmed_towards_the_true_path(make_landmarks, pts_s):
    truth, noisy = make_landmarks(pts_s=pts_s), make_landmarks(pts_s=pts_s, noise_px=1.0)
    error = np.abs(smooth(noisy, SETTINGS).points_px - truth.points_px)
    assert error.mean() < 0.7 * np.abs(noisy.points_px - truth.points_px).mean()


def test_tremble_falls_to_less_than_a_third(make_landmarks):
    noisy = make_landmarks(noise_px=1.0)
    assert tremble(smooth(noisy, SETTINGS)) < tremble(noisy) / 3


@pytest.mark.parametrize(
    ("unseen", "is_bridged"),
    [
        pytest.param(slice(20, 21), True, id="one frame"),
        pytest.param(slice(20, 25), True, id="exactly the longest gap"),
        pytest.param(slice(20, 26), False, id="one frame too long"),
        pytest.param(slice(0, 2), False, id="start of clip"),
        pytest.param(slice(48, 50), False, id="end of clip"),
    ],
)
def test_only_short_inner_gaps_are_bridged_and_all_of_them_marked(
    make_landmarks, unseen, is_bridged
):
    smoothed = smooth(make_landmarks(unseen=unseen), SETTINGS)
    assert smoothed.seen[unseen].all() == is_bridged
    assert smoothed.bridged[unseen].all() == is_bridged
    assert smoothed.bridged.sum() == (is_bridged and unseen.stop - unseen.start)
    assert np.isnan(smoothed.score[unseen]).all()


def test_a_bridge_moves_evenly_in_time(make_landmarks):
    gap = slice(20, 23)
    bridge = bridge_gaps(make_landmarks(pts_s=UNEVEN, unseen=gap), max_gap_s=0.3)
    speed = np.diff(bridge.points_px[19:24, 0, 0, 0]) / np.diff(UNEVEN[19:24])
    np.testing.assert_allclose(speed, speed[0], rtol=1e-3)


def test_no_fit_reaches_across_a_long_gap(make_landmarks):
    landmarks = make_landmarks(unseen=slice(20, 30), noise_px=1.0)
    later = landmarks.points_px.copy()
    later[30:] += 500
    moved = smooth(replace(landmarks, points_px=later), SETTINGS)
    np.testing.assert_array_equal(moved.points_px[:20], smooth(landmarks, SETTINGS).points_px[:20])


def test_no_fit_and_no_bridge_reaches_across_a_cut(make_landmarks):
    scenes = np.repeat([0, 1], 25)
    landmarks = make_landmarks(scenes=scenes, noise_px=1.0, unseen=slice(24, 25))
    later = landmarks.points_px.copy()
    later[25:] += 500
    moved = smooth(replace(landmarks, points_px=later), SETTINGS)
    assert not moved.seen[24]
    np.testing.assert_array_equal(moved.points_px[:24], smooth(landmarks, SETTINGS).points_px[:24])


def test_a_run_shorter_than_the_window_is_left_as_seen(make_landmarks):
    landmarks = make_landmarks(frames=6, noise_px=1.0)
    np.testing.assert_array_equal(smooth(landmarks, SETTINGS).points_px, landmarks.points_px)


def test_a_clip_too_slow_for_the_window_is_left_as_seen(make_landmarks):
    landmarks = make_landmarks(fps=10.0, noise_px=1.0)
    np.testing.assert_array_equal(smooth(landmarks, SETTINGS).points_px, landmarks.points_px)


def test_input_is_not_written_to(make_landmarks):
    landmarks = make_landmarks(noise_px=1.0, unseen=slice(20, 22))
    before = landmarks.points_px.copy()
    smooth(landmarks, SETTINGS)
    np.testing.assert_array_equal(landmarks.points_px, before)


@pytest.mark.parametrize(("fps", "frames"), [(10, 3), (24, 7), (25, 7), (30, 9), (60, 17)])
def test_the_window_is_odd_and_close_to_its_length_in_seconds(fps, frames):
    assert window_frames(np.arange(20) / fps, SETTINGS) == frames


@pytest.mark.parametrize(("fps", "frames"), [(24, 5), (25, 5), (29.97, 5), (30, 5), (60, 11)])
def test_the_window_does_not_hang_on_the_rounding_of_times(fps, frames):
    for start_s in (0.0, 0.1, 1000.3):
        times = np.float32(start_s + np.arange(50) / fps).astype(float)
        assert window_frames(times, SmoothingSettings()) == frames


@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_blinks_and_speech_keep_nine_tenths_of_their_height(make_landmarks, fps):
    kept = []
    for seed in CAST:
        moments = move(seed, 6 * fps, fps, MotionSettings())
        lids = 10 * np.array([moment.blink for moment in moments])
        lips = 100 * np.array([moment.mouth_open for moment in moments])
        landmarks = make_landmarks(frames=6 * fps, fps=fps)
        points = landmarks.points_px.copy()
        points[:, 0, 0, 1], points[:, 0, 1, 1] = lids, lips
        smoothed = smooth(replace(landmarks, points_px=points)).points_px[:, 0]
        pairs = (lids, smoothed[:, 0, 1]), (lips, smoothed[:, 1, 1])
        kept.append([kept_height(*pair, reach=fps // 4) for pair in pairs])
    assert np.mean(kept, axis=0).min() >= 0.9


def kept_height(before, after, reach):
    """Mean share of each peak's height above what is near it that is left."""
    inner = before[1:-1]
    peaks = 1 + np.flatnonzero(
        (inner >= before[:-2]) & (inner > before[2:]) & (inner > 0.5 * before.max())
    )
    assert peaks.size
    near = [slice(max(0, peak - reach), peak + reach + 1) for peak in peaks]
    return np.mean([np.ptp(after[each]) / np.ptp(before[each]) for each in near])


def test_stills_have_no_tremble(make_landmarks):
    assert np.isnan(tremble(make_landmarks(frames=2)))


def test_steady_motion_does_not_tremble(make_landmarks):
    landmarks = make_landmarks()
    line = np.arange(50, dtype=np.float32)[:, None, None, None]
    steady = replace(landmarks, points_px=np.broadcast_to(line, landmarks.points_px.shape))
    assert tremble(steady) == pytest.approx(0)


@pytest.mark.parametrize(
    "wrong", [{"window_s": 0.0}, {"order": -1}, {"max_gap_s": float("nan")}], ids=str
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=f"{next(iter(wrong))} must"):
        SmoothingSettings(**wrong)
