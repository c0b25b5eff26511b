"""What is written beside a swapped video: a preview, and the pictures of a target of pictures."""

import cv2
import numpy as np
import pytest

from facepipe.errors import StoppedError
from facepipe.media.decode import decode
from facepipe.media.pictures import read_picture
from facepipe.media.probe import probe
from facepipe.swapping.beside import write_pictures, write_preview
from facepipe.swapping.film import Cut, film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.video import swap_video
from facepipe_tests.swapping.clips import (
    HEIGHT,
    PTS,
    WIDTH,
    Painter,
    landmarks_of,
    one_part,
    talking,
    write_clip,
)
from facepipe_tests.swapping.test_film import pictures

GREEN = (60, 190, 80)
SETTINGS = SwapSettings(crf=8, preset="ultrafast", blend="feather", fade_s=0)


def test_the_preview_shows_target_and_swap_beside_each_other_with_sound(tmp_path):
    frames, points = talking()
    path = write_clip(tmp_path / "clip.mp4", frames)
    film = film_of([path], landmarks_of(points, [0] * 10), Cut(start_s=0.07))
    out = tmp_path / "out.mp4"
    swap_video(one_part(film, {0}, Painter(GREEN)), out, SETTINGS)
    write_preview(film, out, tmp_path / "both.mp4")
    info = probe(tmp_path / "both.mp4")
    assert (info.width, info.height, info.has_audio) == (2 * WIDTH, HEIGHT, True)
    shown = list(decode(tmp_path / "both.mp4"))
    assert len(shown) == len([pts for pts in PTS if pts >= 70])
    for both, before, after in zip(shown, film.frames(), decode(out), strict=True):
        assert np.abs(both.rgb[:, :WIDTH].astype(int) - before.rgb).mean() < 5
        assert np.abs(both.rgb[:, WIDTH:].astype(int) - after.rgb).mean() < 5
    with pytest.raises(StoppedError, match="run again"):
        write_preview(film, out, tmp_path / "none.mp4", stop=lambda: True)
    assert not (tmp_path / "none.mp4").exists()


def test_pictures_come_out_as_pictures_of_their_own_size(tmp_path):
    paths, landmarks = pictures(tmp_path, [(WIDTH, HEIGHT), (WIDTH + 60, HEIGHT + 31)])
    (frame,), (points,) = talking(1)
    for path in paths:
        canvas = np.asarray(cv2.imread(str(path)))
        canvas[:HEIGHT, :WIDTH] = frame[..., ::-1]
        cv2.imwrite(str(path), canvas)
    landmarks.points_px[:, 0], landmarks.track_id[:, 0] = points, 0
    take = one_part(film_of(paths, landmarks), {0}, Painter(GREEN))
    write_pictures(take, landmarks, SETTINGS, tmp_path / "out")
    for path in paths:
        before, after = read_picture(path), read_picture(tmp_path / "out" / path.name)
        assert after.shape == before.shape
        np.testing.assert_allclose(after[105:115, 110:130].mean((0, 1)), GREEN, atol=3)
        np.testing.assert_array_equal(after[:5], before[:5])
