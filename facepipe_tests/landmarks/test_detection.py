"""Detection puts every frame of every source in its place, and follows faces within a shot."""

import tracemalloc
from fractions import Fraction

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from facepipe.errors import BadInputError, ModelFileError, StoppedError
from facepipe.landmarks import detection
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.detection import Clips, detect, detect_to_file
from facepipe.landmarks.spool import FrameRow, Spool, slots_of
from facepipe.landmarks.tracks import Landmarks
from facepipe_tests.landmarks.conftest import face_at


class PatchFinder:
    """Stands in for MediaPipe: a face wherever a frame is bright, a blip where it is medium."""

    opened = 0

    def __init__(self, bundle, max_faces, *, moving):
        type(self).opened += 1

    def __enter__(self):
        return self

    def __exit__(self, *trouble):
        pass

    def find(self, frame_rgb, pts_s):
        left, right = frame_rgb[:, :64].mean() > 100, frame_rgb[:, 64:].mean() > 100
        faces = [face_at(x, 32, 50) for x, lit in ((32, left), (96, right)) if lit]
        return np.array(faces, np.float32).reshape(-1, 478, 3), np.full(len(faces), 0.9, "f4")


@pytest.fixture(autouse=True)
def patch_finder(monkeypatch):
    monkeypatch.setattr(PatchFinder, "opened", 0)
    monkeypatch.setattr(detection, "FaceFinder", PatchFinder)
    monkeypatch.setattr(detection, "check_bundle", lambda bundle: None)


def write_film(path, sides, fps=25):
    """A clip of 128 x 64: each frame's left and right half is lit or not, as in "lr", "l", ""."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=fps, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for side in sides:
            frame = np.full((64, 128, 3), 20, np.uint8)
            frame[:, :64] += 200 * np.uint8("l" in side)
            frame[:, 64:] += 200 * np.uint8("r" in side)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        file.mux(stream.encode(None))
    return path


def write_still(path, value):
    cv2.imwrite(str(path), np.full((64, 128, 3), value, np.uint8))
    return path


def test_every_frame_of_every_source_has_a_row(tmp_path):
    paths = [
        write_film(tmp_path / "a.mp4", ["l"] * 10),
        write_still(tmp_path / "b.png", 220),
        write_film(tmp_path / "c.mp4", [""] * 4),
    ]
    landmarks = detect(tmp_path, paths, tmp_path / "bundle")
    assert landmarks.sources == ("a.mp4", "b.png", "c.mp4")
    assert landmarks.source.tolist() == [0] * 10 + [1] + [2] * 4
    assert landmarks.frame_index.tolist() == [*range(10), 0, *range(4)]
    assert landmarks.size_wh.tolist() == [[128, 64]] * 15
    np.testing.assert_allclose(landmarks.pts_s[:10], np.arange(10) / 25, atol=1e-4)
    assert landmarks.seen.any(axis=1).tolist() == [True] * 11 + [False] * 4
    assert np.isnan(landmarks.score[11:]).all()


def test_ids_are_never_shared_between_sources(tmp_path):
    paths = [write_film(tmp_path / f"{name}.mp4", ["lr"] * 8) for name in "ab"]
    landmarks = detect(tmp_path, paths, tmp_path / "bundle")
    assert set(landmarks.track_id[:8].ravel()) == {0, 1}
    assert set(landmarks.track_id[8:].ravel()) == {2, 3}
    assert (landmarks.track_id[:8] == landmarks.track_id[0]).all()


def test_a_cut_in_the_frame_table_ends_tracks_and_restarts_the_finder(tmp_path):
    path = write_film(tmp_path / "a.mp4", ["l"] * 16)
    table = pd.DataFrame(
        {"source": "a.mp4", "frame_index": range(16), "scene": np.repeat([0, 1], 8)}
    )
    out = tmp_path / "landmarks.npz"
    summary = detect_to_file(Clips(tmp_path, [path], table), tmp_path / "bundle", out)
    landmarks = Landmarks.load(out)
    assert landmarks.track_id[:, 0].tolist() == [0] * 8 + [1] * 8
    assert landmarks.scene.tolist() == [0] * 8 + [1] * 8
    assert PatchFinder.opened == 2
    assert (summary.frames, summary.frames_with_face, summary.tracks) == (16, 16, 2)


def test_a_short_miss_keeps_id_and_slot_while_another_face_is_there(tmp_path):
    sides = ["lr"] * 6 + ["r"] * 3 + ["lr"] * 6
    landmarks = detect(tmp_path, [write_film(tmp_path / "a.mp4", sides)], tmp_path / "bundle")
    assert landmarks.track_id.shape == (15, 2)
    assert (landmarks.track_id[[0, 5, 9, 14]] == landmarks.track_id[0]).all()
    assert (landmarks.seen.sum(axis=1) == [2] * 6 + [1] * 3 + [2] * 6).all()


def test_a_blip_leaves_no_track(tmp_path):
    sides = ["l"] * 10 + ["lr"] * 2 + ["l"] * 10
    landmarks = detect(tmp_path, [write_film(tmp_path / "a.mp4", sides)], tmp_path / "bundle")
    assert set(landmarks.track_id.ravel()) == {0}


def test_the_same_media_give_the_same_bytes(tmp_path):
    clips = Clips(tmp_path, [write_film(tmp_path / "a.mp4", ["lr"] * 10)])
    for name in ("one", "two"):
        detect_to_file(clips, tmp_path / "bundle", tmp_path / f"{name}.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_the_written_file_is_what_landmarks_itself_would_write(tmp_path):
    clips = Clips(tmp_path, [write_film(tmp_path / "a.mp4", ["l", "lr"] * 5)])
    detect_to_file(clips, tmp_path / "bundle", tmp_path / "one.npz")
    Landmarks.load(tmp_path / "one.npz").save(tmp_path / "two.npz")
    one, two = (np.load(tmp_path / f"{name}.npz") for name in ("one", "two"))
    assert set(one.files) == set(two.files)
    assert all(one[name].dtype == two[name].dtype for name in one.files)


def test_stopping_leaves_nothing_behind(tmp_path):
    clips = Clips(tmp_path, [write_film(tmp_path / "a.mp4", ["l"] * 10)])
    seen = []
    with pytest.raises(StoppedError, match="stopped after 3 frames"):
        detect_to_file(
            clips,
            tmp_path / "bundle",
            tmp_path / "out" / "landmarks.npz",
            on_progress=lambda done, total: seen.append((done, total)),
            stop=lambda: len(seen) == 3,
        )
    assert seen == [(1, 0), (2, 0), (3, 0)]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_frame_table_of_other_media_is_refused(tmp_path):
    path = write_film(tmp_path / "a.mp4", ["l"] * 10)
    table = pd.DataFrame({"source": "a.mp4", "frame_index": range(4), "scene": 0})
    with pytest.raises(BadInputError, match="lists 4 frames but there are more"):
        detect_to_file(Clips(tmp_path, [path], table), tmp_path / "bundle", tmp_path / "out.npz")


def test_a_missing_bundle_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match="facepipe models fetch face_landmarker"):
        detect(tmp_path, [write_still(tmp_path / "b.png", 220)], tmp_path / "none.task")


def test_a_bundle_that_is_no_bundle_is_refused(tmp_path, monkeypatch):
    monkeypatch.undo()
    bundle = tmp_path / "bad.task"
    bundle.write_bytes(b"not a zip")
    with pytest.raises(ModelFileError, match="not a landmark bundle"):
        detect(tmp_path, [write_still(tmp_path / "b.png", 220)], bundle)


def test_memory_does_not_grow_with_the_faces(tmp_path):
    def most_bytes(frames):
        tracemalloc.start()
        with Spool(tmp_path) as spool:
            for row in range(frames):
                frame = FrameRow(0, row, row / 25, 0, 640, 480)
                spool.add(frame, face_at(100, 100)[None], np.float32([0.9]), [0])
            spool.write(tmp_path / "out.npz", {0}, ("a.mp4",), [Fraction(1, 25)])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = most_bytes(300), most_bytes(900)
    one_face = 478 * 3 * 4
    assert (many - few) / 600 < one_face / 5


def test_a_slot_is_free_again_only_when_its_track_is_over():
    lives = {0: (0, 9), 1: (3, 5), 2: (6, 12), 3: (10, 11)}
    faces = pd.DataFrame(
        [{"row": row, "track": track} for track, ends in lives.items() for row in ends]
    )
    assert slots_of(faces) == {0: 0, 1: 1, 2: 1, 3: 0}


def test_working_ahead_keeps_order_and_errors():
    def items():
        yield from range(3)
        raise ValueError("torn")

    got = []
    with pytest.raises(ValueError, match="torn"):
        got.extend(ahead(items()))
    assert got == [] or got == [0, 1, 2]
    assert list(ahead(iter(range(5)))) == [0, 1, 2, 3, 4]
