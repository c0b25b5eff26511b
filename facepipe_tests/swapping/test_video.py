"""The swapped video: the person's face replaced, everything else as it was."""

import threading
import weakref
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from facepipe.compositing.masks import hull_mask
from facepipe.errors import BadInputError, StoppedError
from facepipe.media.decode import decode
from facepipe.media.segments import SegmentWriter
from facepipe.swapping.film import film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import NotFiniteError
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

FAST = SwapSettings(blend="feather", steady_s=0, crf=5, preset="ultrafast", batch=4, fade_s=0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    frames, points = talking()
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames), points


@pytest.fixture(scope="module")
def film(clip):
    path, points = clip
    tracks = [0, 0, 7, 0, 0, 0, 0, 0, 0, 0]
    return film_of([path], landmarks_of([*points[:5], None, *points[6:]], tracks))


def test_frames_times_and_sound_are_kept(film, tmp_path):
    log = swap_video(one_part(film, {0}, Painter()), tmp_path / "out.mp4", FAST)
    assert [f.pts for f in decode(tmp_path / "out.mp4")] == [f.pts for f in film.frames()]
    assert len(log) == len(PTS)
    packets = []
    for path in (film.paths[0], tmp_path / "out.mp4"):
        with av.open(str(path)) as file:
            packets.append([bytes(p) for p in file.demux(audio=0) if p.size])
    assert packets[0] == packets[1] != []


def test_the_log_says_which_frames_were_left_alone_and_why(film, tmp_path):
    log = swap_video(one_part(film, {0}, Painter()), tmp_path / "out.mp4", FAST)
    assert list(log.columns) == ["frame_index", "pts_s", "swapped", "reason"]
    assert log.loc[~log["swapped"], "frame_index"].tolist() == [2, 5]
    assert set(log["reason"]) == {"", "no_face"}


def test_a_face_takes_the_drawn_colour_and_its_surroundings_none(film, tmp_path):
    swap_video(one_part(film, {0}, Painter((0, 200, 0))), tmp_path / "out.mp4", FAST)
    pairs = zip(film.frames(), decode(tmp_path / "out.mp4"), strict=True)
    for before, after in pairs:
        change = np.abs(after.rgb.astype(int) - before.rgb).max(axis=2)
        if before.index in (2, 5):
            assert np.percentile(change, 99) < 20
            continue
        points = film.landmarks.points_px[before.index, 0]
        mask = hull_mask(points, (WIDTH, HEIGHT), erosion=0, feather=0.08)
        np.testing.assert_allclose(after.rgb[mask == 1].mean(0), (0, 200, 0), atol=12)
        far = hull_mask(points, (WIDTH, HEIGHT), erosion=-0.25, feather=0.01) == 0
        assert change[far].mean() < 5  # what the encoder does


def test_a_swapper_believed_nowhere_leaves_the_same_bytes_as_no_person(film, tmp_path):
    swap_video(one_part(film, {0}, Painter(belief=0.0)), tmp_path / "none.mp4", FAST)
    swap_video(one_part(film, set(), Painter()), tmp_path / "nobody.mp4", FAST)
    assert (tmp_path / "none.mp4").read_bytes() == (tmp_path / "nobody.mp4").read_bytes()


def test_the_same_swap_gives_the_same_bytes_whatever_the_batch(film, tmp_path):
    for name, batch in (("a", 1), ("b", 3), ("c", 64)):
        settings = SwapSettings(crf=5, preset="ultrafast", batch=batch)
        swap_video(one_part(film, {0}, Painter((180, 120, 90))), tmp_path / f"{name}.mp4", settings)
    contents = {(tmp_path / f"{name}.mp4").read_bytes() for name in "abc"}
    assert len(contents) == 1


def test_faces_are_drawn_in_batches(film, tmp_path):
    painter = Painter()
    swap_video(one_part(film, {0}, painter), tmp_path / "out.mp4", FAST)
    assert painter.batches == [3, 3, 2]


def test_colours_are_matched_when_asked(film, tmp_path):
    def skin(settings, name):
        swap_video(one_part(film, {0}, Painter((120, 120, 190))), tmp_path / name, settings)
        return next(decode(tmp_path / name)).rgb[110, 105:135].mean(0)

    asked = replace(FAST, colour="mean_std")
    np.testing.assert_allclose(skin(asked, "a.mp4"), (200, 150, 120), atol=15)
    np.testing.assert_allclose(skin(FAST, "b.mp4"), (120, 120, 190), atol=15)


def test_a_stop_leaves_no_file(film, tmp_path):
    asked = iter([False] * 4 + [True] * 100)
    with pytest.raises(StoppedError, match="stopped after 4 of 10 frames"):
        swap_video(
            one_part(film, {0}, Painter()), tmp_path / "out.mp4", FAST, stop=lambda: next(asked)
        )
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_frame(film, tmp_path):
    told = []
    swap_video(
        one_part(film, {0}, Painter()),
        tmp_path / "out.mp4",
        FAST,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(k + 1, 10) for k in range(10)]


def test_landmarks_of_a_shorter_clip_are_refused(clip, tmp_path):
    path, points = clip
    film = film_of([path], landmarks_of(points[:4], [0] * 4))
    with pytest.raises(BadInputError, match="more frames than the 4"):
        swap_video(one_part(film, {0}, Painter()), tmp_path / "out.mp4", FAST)


def test_few_frames_are_held_however_long_the_film(tmp_path):
    frames, points = talking(4)
    pts = tuple(range(0, 100 * 40, 40))
    path = write_clip(tmp_path / "clip.mp4", frames * 25, pts, sound=False)
    film = film_of([path], landmarks_of(points * 25, [0] * 100, pts=pts))
    alive, most = weakref.WeakSet(), []

    class Watched(type(film)):
        def _decoded(self, first):
            for frame in super()._decoded(first):
                alive.add(frame)
                most.append(len(alive))
                yield frame

    watched = Watched(film.info, film.landmarks, film.paths)
    swap_video(one_part(watched, {0}, Painter()), tmp_path / "out.mp4", FAST)
    assert len(most) == 100
    assert max(most) <= 4 * FAST.batch + 6


def test_a_model_that_draws_no_numbers_is_refused_with_its_frame_and_nothing_is_written(
    film, tmp_path
):
    class Broken(Painter):
        def swap(self, crops_rgb, points_px):
            if self.batches:
                raise NotFiniteError(Path("broken.onnx"), 1)
            return super().swap(crops_rgb, points_px)

    # of the second batch of four, frame 5 shows nobody: its second face is that of frame 6
    with pytest.raises(NotFiniteError, match=r"broken\.onnx: draws NaN or infinity for frame 6,"):
        swap_video(one_part(film, {0}, Broken()), tmp_path / "out.mp4", FAST)
    assert list(tmp_path.iterdir()) == []


def test_the_next_faces_are_decoded_and_drawn_while_these_are_drawn_and_written(
    tmp_path, monkeypatch
):
    frames, points = talking(4)
    pts = tuple(range(0, 48 * 40, 40))
    path = write_clip(tmp_path / "clip.mp4", frames * 12, pts, sound=False)
    film = film_of([path], landmarks_of(points * 12, [0] * 48, pts=pts))
    reached, news = {"decoded": 0, "drawing": 0, "written": 0}, threading.Condition()

    def tell(stage, count):
        with news:
            reached[stage] += count
            news.notify_all()

    def wait_for(stage, count):
        with news:
            assert news.wait_for(lambda: reached[stage] >= min(count, 48), timeout=60), reached

    class Told(type(film)):
        def _decoded(self, first):
            for frame in super()._decoded(first):
                tell("decoded", 1)
                yield frame

    class Waiting(Painter):
        def swap(self, crops_rgb, points_px):
            tell("drawing", len(crops_rgb))
            wait_for("decoded", reached["drawing"] + 1)
            return super().swap(crops_rgb, points_px)

    def write(self, picture, pts):
        wait_for("drawing", reached["written"] + 5)  # the batch after that of this frame
        whole(self, picture, pts)
        tell("written", 1)

    whole = SegmentWriter.write
    monkeypatch.setattr(SegmentWriter, "write", write)
    take = one_part(Told(film.info, film.landmarks, film.paths), {0}, Waiting())
    swap_video(take, tmp_path / "out.mp4", FAST)
    assert reached == {"decoded": 48, "drawing": 48, "written": 48}
