"""Films: one video as it is, or pictures one after the other."""

import dataclasses

import cv2
import numpy as np
import pytest

from facepipe.errors import BadInputError
from facepipe.swapping.film import film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.video import swap_video
from facepipe_tests.swapping.clips import Painter, landmarks_of, one_part, talking, write_clip


def pictures(folder, sizes_wh):
    """Pictures of these sizes, each with a white dot where its landmark 1 is."""
    paths, pieces = [], []
    for index, (width, height) in enumerate(sizes_wh):
        picture = np.full((height, width, 3), 60, np.uint8)
        at = (width // 2, height // 3)
        cv2.circle(picture, at, max(3, width // 40), (255, 255, 255), -1)
        paths.append(folder / f"{index}.png")
        cv2.imwrite(str(paths[-1]), picture)
        points = np.zeros((478, 3), np.float32)
        points[:, :2] = at
        pieces.append(landmarks_of([points], [index], name=paths[-1].name))
    rows = {
        name: np.concatenate([getattr(piece, name) for piece in pieces])
        for name in ("points_px", "score", "track_id", "bridged", "frame_index", "pts_s", "scene",
                     "size_wh", "time_base")
    }  # fmt: skip
    sources = tuple(path.name for path in paths)
    source = np.arange(len(paths), dtype=np.int32)
    return paths, dataclasses.replace(pieces[0], **rows, source=source, sources=sources)


def test_pictures_of_other_sizes_are_fitted_and_their_landmarks_with_them(tmp_path):
    paths, landmarks = pictures(tmp_path, [(200, 120), (400, 240), (100, 120), (300, 100)])
    film = film_of(paths, landmarks)
    frames = list(film.frames())
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    for frame in frames:
        assert frame.rgb.shape == (120, 200, 3)
        x, y = film.landmarks.points_px[frame.index, 0, 1, :2].round().astype(int)
        assert frame.rgb[y, x].min() > 200


def test_pictures_become_a_video_of_a_second_each(tmp_path):
    paths, landmarks = pictures(tmp_path, [(200, 120), (200, 120)])
    log = swap_video(
        one_part(film_of(paths, landmarks), set(), Painter()), tmp_path / "out.mp4", SwapSettings()
    )
    assert log["pts_s"].tolist() == [0, 1]
    assert log["reason"].tolist() == ["no_face", "no_face"]


def test_videos_do_not_mix(tmp_path):
    frames, points = talking(2)
    clips = [write_clip(tmp_path / f"{name}.mp4", frames, sound=False) for name in "ab"]
    with pytest.raises(BadInputError, match="2 videos and 0 pictures"):
        film_of(clips, landmarks_of(points, [0, 0], name="a.mp4"))


def test_a_file_without_landmarks_is_named(tmp_path):
    frames, points = talking(2)
    clip = write_clip(tmp_path / "a.mp4", frames, sound=False)
    with pytest.raises(BadInputError, match=r"a\.mp4: the landmarks hold \['b.mp4'\]"):
        film_of([clip], landmarks_of(points, [0, 0], name="b.mp4"))
