"""What phones and cameras write comes out as it came in: HDR, turned, uneven, with its sound."""

import dataclasses
from fractions import Fraction

import av
import numpy as np
import pytest

from facepipe.compositing.masks import hull_mask
from facepipe.errors import BadInputError, SettingsError
from facepipe.media.decode import decode
from facepipe.media.probe import probe
from facepipe.swapping.film import cut_of, film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.video import swap_video
from facepipe_tests.swapping.clips import (
    HEIGHT,
    WIDTH,
    Painter,
    landmarks_of,
    one_part,
    talking,
)

FRAMES, RATE = 30, 44100
PTS = tuple(40 * k + (7 * k * k) % 13 for k in range(FRAMES))
"""Of 1/1000 s: not evenly spaced."""
GREEN = (60, 190, 80)
FAST = SwapSettings(crf=4, preset="veryfast", blend="feather", fade_s=0)


@pytest.fixture(scope="module")
def drawn():
    frames, points = talking(FRAMES)
    return frames, landmarks_of(points, [0] * FRAMES, pts=PTS)


def phone_clip(path, frames, *, hdr=False, turned=False):
    """Frames as a phone writes them, with a rising tone at 44.1 kHz."""
    with av.open(str(path), "w", options={"movie_timescale": "1000"}) as file:
        options = {"crf": "4", "preset": "ultrafast", "x265-params": "log-level=none"}
        video = file.add_stream("libx265" if hdr else "libx264", rate=25, options=options)
        video.width, video.height = (HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT)
        video.pix_fmt = "yuv420p10le" if hdr else "yuv420p"
        context = video.codec_context
        context.time_base, context.color_range = Fraction(1, 1000), 1
        context.colorspace, context.color_primaries, context.color_trc = (
            (9, 9, 18) if hdr else (1, 1, 1)
        )
        if turned:
            video.set_display_matrix([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30])
        sound = file.add_stream("aac", rate=RATE)
        for rgb, at in zip(frames, PTS, strict=True):
            stored = np.ascontiguousarray(np.rot90(rgb) if turned else rgb)
            picture = av.VideoFrame.from_ndarray(stored, format="rgb24")
            picture = picture.reformat(format=video.pix_fmt, dst_colorspace=9 if hdr else 1)
            picture.pts, picture.time_base = at, Fraction(1, 1000)
            file.mux(video.encode(picture))
        file.mux(video.encode())
        for start in range(0, len(TONE), 1024):
            piece = av.AudioFrame.from_ndarray(TONE[None, start : start + 1024], "fltp", "mono")
            piece.sample_rate, piece.pts = RATE, start
            file.mux(sound.encode(piece))
        file.mux(sound.encode())
    return path


def _tone():
    time_s = np.arange(RATE * 6 // 5) / RATE
    return (0.3 * np.sin(2 * np.pi * (200 * time_s + 900 * time_s**2))).astype(np.float32)


TONE = _tone()


def heard(path):
    """The sound as samples from time 0 on."""
    samples = np.zeros(RATE * 2, np.float32)
    with av.open(str(path)) as file:
        for frame in file.decode(audio=0):
            start = round(float(frame.pts * frame.time_base) * RATE)
            piece = frame.to_ndarray()[0]
            skipped = max(-start, 0)
            samples[max(start, 0) : start + len(piece)] = piece[skipped:]
    return samples


def lag_s(one, other):
    """By how much `other` is later, by cross-correlation."""
    spectrum = np.fft.rfft(one, 2 * len(one)).conj() * np.fft.rfft(other, 2 * len(one))
    shift = int(np.fft.irfft(spectrum).argmax())
    return (shift if shift < len(one) else shift - 2 * len(one)) / RATE


def swapped(source, landmarks, out, settings=FAST):
    landmarks = dataclasses.replace(landmarks, sources=(source.name,))
    film = film_of([source], landmarks, cut_of(settings))
    swap_video(one_part(film, {0}, Painter(GREEN)), out, settings)
    return film


def assert_swapped(film, out):
    """Each face is green, and what is far from it is what it was."""
    for before, after in zip(film.frames(), decode(out), strict=True):
        assert after.pts_s == pytest.approx(before.pts_s, abs=1e-9)
        points = film.landmarks.points_px[before.index, 0]
        size_wh = (WIDTH, HEIGHT)
        face = hull_mask(points, size_wh, erosion=0.05, feather=0.08) == 1
        np.testing.assert_allclose(after.rgb[face].mean(0), GREEN, atol=12)
        far = hull_mask(points, size_wh, erosion=-0.25, feather=0.01) == 0
        assert np.abs(after.rgb[far].astype(int) - before.rgb[far]).mean() < 4


def test_hlg_keeps_ten_bits_tags_times_and_sound(drawn, tmp_path):
    source, out = phone_clip(tmp_path / "clip.mp4", drawn[0], hdr=True), tmp_path / "out.mp4"
    film = swapped(source, drawn[1], out)
    before, after = probe(source), probe(out)
    assert (after.bits, after.colours) == (10, before.colours)
    assert (after.colours.primaries, after.colours.transfer, after.colours.matrix) == (9, 18, 9)
    assert_swapped(film, out)
    with av.open(str(out)) as file:
        context = file.streams.video[0].codec_context
        assert (context.name, context.codec_tag) == ("hevc", "hvc1")
        assert {value % 4 for value in next(file.decode(video=0)).to_ndarray()[10]} != {0}
    assert abs(lag_s(heard(source), heard(out))) == 0


def test_hlg_becomes_bt709_with_eight_bits_where_that_is_asked_for(drawn, tmp_path):
    source, out = phone_clip(tmp_path / "clip.mp4", drawn[0], hdr=True), tmp_path / "out.mp4"
    film = swapped(source, drawn[1], out, dataclasses.replace(FAST, hdr="tone_map"))
    after = probe(out)
    assert (after.bits, after.colours.transfer, after.colours.primaries) == (8, 1, 1)
    face = hull_mask(film.landmarks.points_px[0, 0], (WIDTH, HEIGHT), erosion=0.05, feather=0.08)
    np.testing.assert_allclose(next(decode(out)).rgb[face == 1].mean(0), GREEN, atol=12)


def test_a_turned_clip_is_swapped_where_it_is_seen_and_stays_turned(drawn, tmp_path):
    source, out = phone_clip(tmp_path / "clip.mp4", drawn[0], turned=True), tmp_path / "out.mp4"
    assert probe(source).rotation_deg == 90
    film = swapped(source, drawn[1], out)
    for name in ("width", "height", "rotation_deg", "frames", "time_base", "colours"):
        assert getattr(probe(out), name) == getattr(probe(source), name), name
    assert_swapped(film, out)


def test_a_cut_keeps_picture_and_sound_together(drawn, tmp_path):
    source, out = phone_clip(tmp_path / "clip.mp4", drawn[0]), tmp_path / "out.mp4"
    settings = dataclasses.replace(FAST, start_s=0.31, end_s=0.9, chunk_frames=6, batch=4)
    film = swapped(source, drawn[1], out, settings)
    kept = [pts for pts in PTS if 310 <= pts < 900]
    times_ms = [1000 * frame.pts_s for frame in decode(out)]
    np.testing.assert_allclose(times_ms, [pts - 310 for pts in kept], atol=0.1)
    assert_swapped(film, out)
    assert lag_s(heard(source), heard(out)) == pytest.approx(-0.31, abs=2 / RATE)
    loud = np.flatnonzero(np.abs(heard(out)) > 0.1) / RATE
    assert loud[0] < 0.04
    assert 0.54 < loud[-1] < 0.63


@pytest.mark.parametrize(("start_s", "end_s"), [(1.3, 0), (0, 9), (0.5, 0.501)])
def test_a_cut_outside_of_the_clip_or_of_nothing_is_refused(drawn, tmp_path, start_s, end_s):
    source = phone_clip(tmp_path / "clip.mp4", drawn[0])
    settings = dataclasses.replace(FAST, start_s=start_s, end_s=end_s)
    with pytest.raises(BadInputError, match=r"clip\.mp4: .* needed") as refusal:
        swapped(source, drawn[1], tmp_path / "out.mp4", settings)
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    with pytest.raises(SettingsError, match="end_s is 1: it must lie after start_s, which is 2"):
        SwapSettings(start_s=2, end_s=1)


def test_an_encoder_that_is_not_there_is_refused_before_a_face_is_drawn(drawn, tmp_path):
    source, painter = phone_clip(tmp_path / "clip.mp4", drawn[0]), Painter(GREEN)
    landmarks = dataclasses.replace(drawn[1], sources=(source.name,))
    take = one_part(film_of([source], landmarks), {0}, painter)
    settings = dataclasses.replace(FAST, encoder="h264_nvenc")
    with pytest.raises(SettingsError, match="h264_nvenc is not available here for 8-bit"):
        swap_video(take, tmp_path / "out.mp4", settings)
    assert painter.batches == []
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    with pytest.raises(SettingsError, match="encoder is 'prores'"):
        dataclasses.replace(FAST, encoder="prores")
