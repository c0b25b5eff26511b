"""Every frame is looked at, the right ones are selected, and each omission has its reason."""

import hashlib

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facepipe.errors import MediaError, SettingsError, StoppedError
from facepipe.media.decode import decode
from facepipe.media.frames import evenly, extract, select, survey
from facepipe.media.measures import sharpness
from facepipe.media.settings import FramesSettings
from facepipe_tests.real import CLIPS, needs_real_media

COLUMNS = [
    "source", "frame_index", "pts_s", "width", "height", "sharpness", "brightness", "repeats",
    "scene",
]  # fmt: skip


@pytest.fixture
def noisy():
    """A frame of soft noise; every seed is another picture."""

    def make(seed, level=128, blur=1.0):
        noise = np.random.default_rng(seed).normal(0, 60, (64, 96, 3))
        return np.clip(cv2.GaussianBlur(noise, None, blur) * 2 + level, 0, 255).astype(np.uint8)

    return make


def table_of(count=10, **columns):
    """A survey of one clip of 25 frames per second, all frames usable."""
    base = {
        "source": "a.mp4", "frame_index": range(count), "pts_s": np.arange(count) / 25,
        "width": 96, "height": 64, "sharpness": 100.0, "brightness": 120.0, "repeats": False,
        "scene": 0,
    }  # fmt: skip
    return pd.DataFrame({**base, **columns})


def chosen(table, **settings):
    result = select(table, FramesSettings(**settings))
    return np.flatnonzero(result["selected"]).tolist()


def test_a_survey_has_a_row_for_every_frame_of_every_source(make_clip, noisy):
    clip = make_clip(frames=[noisy(i) for i in range(5)])
    Image.fromarray(noisy(9)).save(clip.with_name("b.png"))
    seen = []
    table = survey(
        clip.parent,
        [clip.with_name("b.png"), clip],
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert list(table.columns) == COLUMNS
    assert table["source"].tolist() == ["b.png"] + ["clip.mp4"] * 5
    assert table["frame_index"].tolist() == [0, 0, 1, 2, 3, 4]
    np.testing.assert_allclose(table["pts_s"], [0, 0, 0.04, 0.08, 0.12, 0.16])
    assert set(zip(table["width"], table["height"], strict=True)) == {(96, 64)}
    assert seen == [(i, 6) for i in range(1, 7)]


def test_size_is_that_of_the_upright_frame(make_clip, turned):
    path = turned(make_clip(), 0, 1, -1, 0)
    table = survey(path.parent, [path])
    assert (table.loc[0, "height"], table.loc[0, "width"]) == next(decode(path)).rgb.shape[:2]


def test_blur_lowers_sharpness_and_light_raises_brightness(make_clip, noisy):
    frames = [noisy(1), noisy(1, blur=3), noisy(1, level=200)]
    path = make_clip(frames=frames)
    table = survey(path.parent, [path])
    assert table.loc[1, "sharpness"] < table.loc[0, "sharpness"] / 4
    assert table.loc[2, "brightness"] > table.loc[0, "brightness"] + 40


def test_sharpness_of_a_flat_picture_is_zero_and_does_not_depend_on_level():
    flat = np.full((32, 48), 77, np.uint8)
    spot = flat.copy()
    spot[10, 10] += 40
    assert sharpness(flat) == 0
    assert sharpness(spot) > 0
    assert sharpness(spot) == pytest.approx(sharpness(spot + 60))


def test_a_frozen_picture_is_noticed_and_slow_motion_is_not(make_clip, noisy, picture):
    frozen = [noisy(1)] * 4 + [noisy(2)] * 3
    path = make_clip(frames=frozen, x264={"crf": "20", "preset": "medium"})
    repeats = survey(path.parent, [path])["repeats"].tolist()
    assert repeats[0] is False
    assert sum(repeats) >= 4
    assert not repeats[4]
    slow = make_clip("slow.mp4", [picture(shift=i / 8) for i in range(16)])
    assert survey(slow.parent, [slow])["repeats"].sum() <= 4


def test_cuts_between_shots_are_numbered(make_clip, picture, noisy):
    shots = [picture(shift=i) for i in range(6)] + [noisy(0)] * 6 + [255 - picture()] * 6
    path = make_clip(frames=shots)
    assert survey(path.parent, [path])["scene"].tolist() == [0] * 6 + [1] * 6 + [2] * 6


def test_a_survey_can_be_stopped(make_clip):
    path = make_clip()
    with pytest.raises(StoppedError):
        survey(path.parent, [path], stop=lambda: True)


def test_each_fault_has_its_reason():
    table = table_of(
        6,
        brightness=[120, 3, 250, 120, 120, 120],
        sharpness=[100, 100, 100, 5, 100, 100],
        repeats=[False, False, False, False, True, False],
    )
    result = select(table, FramesSettings())
    assert result["reason"].tolist() == [
        "",
        "too_dark",
        "too_bright",
        "too_blurred",
        "duplicate",
        "",
    ]
    assert result["selected"].tolist() == [reason == "" for reason in result["reason"]]


def test_blur_is_judged_by_the_clip_it_is_in():
    sharp, soft = table_of(5), table_of(5, source="b.mp4", sharpness=4.0)
    assert len(chosen(pd.concat([sharp, soft], ignore_index=True))) == 10


def test_dark_frames_do_not_lower_what_counts_as_sharp():
    table = table_of(9, brightness=[1.0] * 5 + [120] * 4, sharpness=[0.0] * 5 + [100, 100, 100, 1])
    assert select(table, FramesSettings())["reason"].tolist()[-1] == "too_blurred"


def test_all_usable_frames_are_taken_if_there_are_no_more_than_asked_for():
    assert chosen(table_of(10), max_frames=10) == list(range(10))


def test_the_rest_is_not_sampled_and_the_sample_is_even():
    result = select(table_of(100), FramesSettings(max_frames=10))
    assert np.flatnonzero(result["selected"]).tolist() == list(range(5, 100, 10))
    assert set(result.loc[~result["selected"], "reason"]) == {"not_sampled"}


def test_evenness_is_in_time_not_in_frames():
    fast, slow = np.arange(60) / 60, 1 + np.arange(30) / 15
    table = table_of(90, pts_s=np.concatenate([fast, slow]))
    picked = table["pts_s"][chosen(table, max_frames=9)]
    assert np.diff(picked) == pytest.approx(np.full(8, 1 / 3), abs=0.07)


def test_sources_share_by_their_length_and_pictures_are_not_crowded_out():
    table = pd.concat(
        [table_of(250), table_of(750, source="b.mp4"), table_of(1, source="c.png")],
        ignore_index=True,
    )
    sources = table.loc[chosen(table, max_frames=41), "source"].value_counts()
    assert sources.to_dict() == {"b.mp4": 30, "a.mp4": 10, "c.png": 1}


def test_selecting_leaves_the_survey_alone_and_is_repeatable():
    table = table_of(50)
    before = table.copy()
    first, second = (select(table, FramesSettings(max_frames=7)) for _ in range(2))
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(first, second)


def test_a_clip_without_a_usable_frame_is_refused_with_the_reasons():
    with pytest.raises(MediaError, match=r"none of 8 frames is usable \(8 too_dark\)"):
        select(table_of(8, brightness=0.0), FramesSettings())


@given(
    lasting=st.lists(st.integers(1, 5_000_000), min_size=1, max_size=80), most=st.integers(1, 100)
)
def test_a_sample_has_as_many_frames_as_asked_for_each_once(lasting, most):
    picked = evenly(np.array(lasting, np.int64), most)
    assert len(picked) == min(most, len(lasting))
    assert (np.diff(picked) > 0).all()
    assert 0 <= picked.min() <= picked.max() < len(lasting)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_frames", 0), ("min_brightness", -1.0), ("max_brightness", 5.0), ("min_sharpness", 1.5)],
)
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(SettingsError, match=f"{name} is {value}; needed is"):
        FramesSettings(**{name: value})


def test_selected_frames_are_written_under_their_row(make_clip, noisy, tmp_path):
    clip = make_clip("in/clip.mp4", [noisy(i) for i in range(8)])
    Image.fromarray(noisy(9)).save(clip.with_name("z.png"))
    table = select(
        survey(clip.parent, [clip, clip.with_name("z.png")]), FramesSettings(max_frames=3)
    )
    hashes = []
    for out in (tmp_path / "one", tmp_path / "two"):
        extract(clip.parent, table, out)
        files = sorted(path for path in out.rglob("*") if path.is_file())
        hashes.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
    rows = table.index[table["selected"]]
    assert [path.name for path in files] == [f"{row:06d}.jpg" for row in rows] + ["index.parquet"]
    assert hashes[0] == hashes[1]
    pd.testing.assert_frame_equal(pd.read_parquet(out / "index.parquet"), table)
    frames = [frame.rgb for frame in decode(clip)] + [noisy(9)]
    for row in rows:
        written = np.asarray(Image.open(out / "images" / f"{row:06d}.jpg"))
        assert np.abs(written.astype(int) - frames[row]).mean() < 3


def test_frames_that_are_gone_since_the_survey_are_missed(make_clip, tmp_path):
    path = make_clip()
    table = select(survey(path.parent, [path]), FramesSettings())
    make_clip(frames=[frame.rgb for frame in decode(path)][:5])
    with pytest.raises(MediaError, match="frame 5 is gone"):
        extract(path.parent, table, tmp_path / "out")


@needs_real_media
@pytest.mark.realmedia
@pytest.mark.parametrize(
    ("name", "starts"),
    [("dev_face_enters_leaves.mp4", [0, 50, 100]), ("dev_b_man_talk.mp4", [0])],
)
def test_cuts_of_real_clips_are_found_and_no_others(name, starts):
    table = survey(CLIPS, [CLIPS / name])
    assert table.groupby("scene")["frame_index"].min().tolist() == starts
    assert not table["repeats"].any()
    assert select(table, FramesSettings())["selected"].all()
