"""What is written reads back as it was: frames, times, sound, colours; whole or not at all."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from facepipe.errors import MediaError, SettingsError, ShapeError, StorageError
from facepipe.media import segments
from facepipe.media.decode import decode
from facepipe.media.encode import VideoWriter
from facepipe.media.probe import probe
from facepipe.media.settings import EncodeSettings

FAST = EncodeSettings(crf=4, preset="ultrafast")


def rewritten(source, settings=FAST, name="out.mp4"):
    """Decode `source` and write every frame again, beside it."""
    out = source.with_name(name)
    with VideoWriter(out, source, settings) as writer:
        for frame in decode(source):
            writer.write(frame.rgb, frame.pts)
    return out


def sound_packets(path):
    with av.open(str(path)) as file:
        packets = file.demux(file.streams.audio[0])
        return [(p.pts * p.time_base, bytes(p)) for p in packets if p.dts is not None]


def test_frames_rate_and_size_are_kept(make_clip):
    source = make_clip()
    out = rewritten(source)
    before, after = probe(source), probe(out)
    for name in ("width", "height", "frame_rate", "time_base", "frames", "duration_s"):
        assert getattr(after, name) == getattr(before, name), name
    for one, other in zip(decode(source), decode(out), strict=True):
        assert one.pts == other.pts
        assert np.abs(one.rgb.astype(int) - other.rgb).mean() < 1.5


@pytest.mark.parametrize(
    ("time_base", "pts"),
    [(Fraction(1, 600), [0, 25, 75, 80, 230]), (Fraction(1, 90000), [9000, 12003, 15000, 27001]),
     (Fraction(1, 1000), [0, 33, 67, 100, 1133, 1167]), (Fraction(1, 30), [3, 4, 5, 9])],
)  # fmt: skip
def test_times_of_a_variable_rate_are_kept_to_the_tick(make_clip, picture, time_base, pts):
    frames = [picture(shift=i) for i in range(len(pts))]
    source = make_clip(frames=frames, pts=pts, time_base=time_base)
    out = rewritten(source)
    assert probe(out).time_base == probe(source).time_base
    assert [frame.pts for frame in decode(out)] == [frame.pts for frame in decode(source)]


def test_matroska_times_become_the_same_times_in_mp4(make_clip, picture):
    pts = [0, 40, 80, 200, 233]
    frames = [picture(shift=i) for i in range(5)]
    source = make_clip("a.mkv", frames, pts, Fraction(1, 1000))
    assert [frame.pts_s for frame in decode(rewritten(source))] == [p / 1000 for p in pts]


def test_sound_is_copied_packet_by_packet_in_sync(make_clip):
    source = make_clip(sound=True)
    out = rewritten(source)
    assert len(sound_packets(source)) > 10
    assert sound_packets(out) == sound_packets(source)


def test_sound_and_picture_lie_side_by_side_in_the_file(make_clip, picture):
    frames = [picture(shift=i % 4) for i in range(250)]
    out = rewritten(make_clip(frames=frames, sound=True))
    with av.open(str(out)) as file:
        places = {"video": [], "audio": []}
        for packet in file.demux():
            if packet.pos:
                places[packet.stream.type].append((packet.pos, packet.dts * packet.time_base))
    apart = [
        abs(float(a - v))
        for (_, v), (_, a) in zip(places["video"][::25], places["audio"][::46], strict=False)
    ]
    order = sorted((pos, kind) for kind in places for pos, _ in places[kind])
    changes = sum(one[1] != other[1] for one, other in pairwise(order))
    assert changes > 10
    assert max(apart) < 1.0


def test_sound_that_mp4_cannot_hold_is_refused_before_work_starts(tmp_path, picture):
    source = tmp_path / "old.avi"
    with av.open(str(source), "w") as file:
        video, sound = file.add_stream("mpeg4", rate=25), file.add_stream("adpcm_ms", rate=8000)
        video.height, video.width = picture().shape[:2]
        file.mux(video.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
        file.mux(video.encode())
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), layout="stereo")
        frame.sample_rate = 8000
        file.mux(sound.encode(frame))
        file.mux(sound.encode())
    with pytest.raises(MediaError, match=r"old\.avi: its sound \(adpcm_ms\) cannot be stored"):
        rewritten(source)
    assert not source.with_name("out.mp4").exists()


@pytest.mark.parametrize(
    ("matrix", "primaries", "transfer"), [(1, 1, 1), (6, 6, 6), (9, 9, 14), (9, 9, 16)]
)
def test_colour_tags_and_colours_pass_through(make_clip, matrix, primaries, transfer):
    source = make_clip(matrix=matrix, primaries=primaries, transfer=transfer)
    out = rewritten(source)
    assert probe(out).colours == probe(source).colours
    assert (probe(out).colours.matrix, probe(out).colours.transfer) == (matrix, transfer)
    before, after = next(decode(source)).rgb, next(decode(out)).rgb
    assert np.abs(before.astype(int).mean((0, 1)) - after.mean((0, 1))).max() < 0.5


def test_full_range_stays_full_range(make_clip):
    source = make_clip(pix_fmt="yuvj420p")
    out = rewritten(source)
    assert probe(source).colours.range == probe(out).colours.range == 2
    before, after = next(decode(source)).rgb, next(decode(out)).rgb
    assert np.abs(before.astype(int) - after).mean() < 1.5


def test_colours_do_not_drift_over_generations(make_clip, picture):
    source = make_clip(frames=[picture()] * 3)
    latest = source
    for generation in range(4):
        latest = rewritten(latest, name=f"{generation}.mp4")
    before, after = next(decode(source)).rgb, next(decode(latest)).rgb
    assert np.abs(before.astype(int).mean((0, 1)) - after.mean((0, 1))).max() < 0.5


def test_a_turn_is_applied_once(make_clip, turned):
    source = turned(make_clip(), 0, 1, -1, 0)
    out = rewritten(source)
    assert (probe(out).width, probe(out).height, probe(out).rotation_deg) == (64, 96, 0)
    before, after = next(decode(source)).rgb, next(decode(out)).rgb
    assert np.abs(before.astype(int) - after).mean() < 1.5


def test_odd_sides_gain_a_repeated_line_and_lose_nothing(make_clip, picture):
    source = make_clip(frames=[picture(97, 63, shift=i) for i in range(3)], pix_fmt="yuv444p")
    after = next(decode(rewritten(source))).rgb
    assert after.shape == (64, 98, 3)
    assert np.abs(after[:63, :97].astype(int) - next(decode(source)).rgb).mean() < 4
    assert np.abs(after[63].astype(int) - after[62]).mean() < 6


@pytest.mark.parametrize(("width", "height"), [(448, 270), (96, 64)])
def test_the_same_frames_give_the_same_bytes(make_clip, picture, width, height):
    frames = [picture(width, height, shift=i) for i in range(20)]
    source = make_clip(frames=frames, sound=True)
    settings = EncodeSettings(crf=20, preset="veryfast")
    contents = {rewritten(source, settings, f"{k}.mp4").read_bytes() for k in range(4)}
    assert len(contents) == 1


def test_the_file_starts_with_its_index(make_clip):
    content = rewritten(make_clip()).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_no_date_or_tool_is_written(make_clip):
    with av.open(str(rewritten(make_clip()))) as file:
        assert not {"creation_time", "encoder"} & set(file.metadata)


def test_a_writer_that_fails_leaves_what_was_there(make_clip):
    source = make_clip(sound=True)
    out = source.with_name("out.mp4")
    out.write_bytes(b"before")

    def break_off():
        with VideoWriter(out, source, FAST) as writer:
            for frame in decode(source):
                writer.write(frame.rgb, frame.pts)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert out.read_bytes() == b"before"
    assert sorted(path.name for path in out.parent.iterdir()) == ["clip.mp4", "out.mp4"]


def test_a_full_disk_is_a_storage_error(make_clip, monkeypatch):
    class Full:
        def __init__(self, path):
            self.real = real(path)

        def __enter__(self):
            self.real.__enter__()
            return Path("/dev/full")

        def __exit__(self, *error):
            return self.real.__exit__(*error)

    real = segments.whole_file
    monkeypatch.setattr(segments, "whole_file", Full)
    source = make_clip()
    with pytest.raises(StorageError, match="No space left"):
        rewritten(source)
    assert not source.with_name("out.mp4").exists()


def test_frames_that_do_not_fit_are_refused(make_clip, picture):
    source = make_clip()
    out = source.with_name("out.mp4")
    with pytest.raises(ShapeError, match=r"64, 96, 3"), VideoWriter(out, source, FAST) as writer:
        writer.write(picture(32, 32), 0)
    with VideoWriter(out, source, FAST) as writer:
        writer.write(picture(), 5)
        with pytest.raises(MediaError, match="pts 5 comes after pts 5"):
            writer.write(picture(), 5)
    out.unlink()
    with pytest.raises(MediaError, match="no frame was written"), VideoWriter(out, source):
        pass
    assert not out.exists()


def test_pictures_become_a_film_at_the_times_given(tmp_path, picture):
    source, out = tmp_path / "a.png", tmp_path / "out.mp4"
    av.VideoFrame.from_ndarray(picture(), format="rgb24").save(source)
    info = probe(source)
    with VideoWriter(out, info, FAST) as writer:
        for second in range(3):
            writer.write(picture(shift=second), int(second / info.time_base))
    assert [frame.pts_s for frame in decode(out)] == [0, 1, 2]
    assert probe(out).duration_s == pytest.approx(3)


@pytest.mark.parametrize(("name", "value"), [("crf", -1), ("crf", 52), ("preset", "swift")])
def test_settings_out_of_range_are_named(name, value):
    with pytest.raises(SettingsError, match=name):
        EncodeSettings(**{name: value})
