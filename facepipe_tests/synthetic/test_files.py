"""Clips and stills on disk."""

import av
import cv2
import numpy as np
import pytest

from facepipe.errors import SettingsError
from facepipe.synthetic import Clip, load_truth, render, write_clip, write_stills

CLIP = Clip(seeds=(6,), size=96, frames=7, fps=25)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    write_clip(CLIP, folder / "clip.mp4", sound="tone", truth_path=folder / "truth.npz")
    return folder


def test_the_mp4_decodes_to_the_same_frames_at_the_same_rate(written):
    with av.open(str(written / "clip.mp4")) as file:
        assert file.streams.video[0].average_rate == 25
        decoded = list(file.decode(video=0))
    assert [frame.time for frame in decoded] == pytest.approx([k / 25 for k in range(7)])
    for frame, (rgb, _) in zip(decoded, render(CLIP), strict=True):
        assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - rgb).mean() < 3


def test_writing_twice_gives_the_same_bytes(written, tmp_path):
    write_clip(CLIP, tmp_path / "again.mp4", sound="tone")
    assert (tmp_path / "again.mp4").read_bytes() == (written / "clip.mp4").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.mp4"]


def test_the_tone_lasts_as_long_as_the_picture_and_silence_is_silent(written, tmp_path):
    write_clip(CLIP, tmp_path / "silent.mp4", sound="silence")
    loud, silent = (_sound(path) for path in (written / "clip.mp4", tmp_path / "silent.mp4"))
    assert len(loud) / 48000 == pytest.approx(CLIP.frames / CLIP.fps, abs=0.05)
    assert np.abs(loud).max() == pytest.approx(0.1, abs=0.03)
    assert np.abs(silent).max() < 1e-4


def test_a_clip_is_without_sound_unless_asked(tmp_path):
    write_clip(CLIP, tmp_path / "mute.mp4")
    with av.open(str(tmp_path / "mute.mp4")) as file:
        assert not file.streams.audio


def test_the_truth_beside_a_clip_is_that_of_its_frames(written):
    for saved, (_, truth) in zip(load_truth(written / "truth.npz"), render(CLIP), strict=True):
        assert np.array_equal(saved.points_px, truth.points_px)


def test_stills_are_evenly_spread_frames_without_loss(tmp_path):
    paths = write_stills(CLIP, tmp_path, 3)
    assert paths == sorted(tmp_path.iterdir())
    for path, (rgb, _) in zip(paths, render(CLIP, [0, 3, 6]), strict=True):
        assert np.array_equal(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), rgb)


def test_more_stills_than_frames_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="8 stills wanted: the clip has 1 to 7"):
        write_stills(CLIP, tmp_path, 8)


def _sound(path):
    with av.open(str(path)) as file:
        return np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
