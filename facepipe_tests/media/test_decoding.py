"""Every frame comes upright, in true colour, at its own time, one at a time."""

import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest

from facepipe.errors import MediaError
from facepipe.media.clips import FORMATS
from facepipe.media.decode import decode
from facepipe.media.probe import probe
from facepipe_tests.real import CLIPS, needs_real_media


def test_frames_come_in_order_with_their_times(make_clip, picture):
    frames = list(decode(make_clip()))
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.pts_s for frame in frames] == pytest.approx([i / 25 for i in range(12)])
    for frame in frames:
        error = np.abs(frame.rgb.astype(int) - picture(shift=frame.index))
        assert error[:, 4:-4].mean() < 2.5


def test_times_of_a_variable_rate_are_kept(make_clip, picture):
    pts = [30, 55, 75, 200, 230]
    path = make_clip(frames=[picture(shift=i) for i in range(5)], pts=pts)
    frames = list(decode(path))
    info = probe(path)
    assert [frame.pts * info.time_base for frame in frames] == [Fraction(p, 600) for p in pts]
    assert info.is_variable_rate
    assert not probe(make_clip("constant.mp4")).is_variable_rate


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
def test_colours_are_those_of_the_tagged_matrix(make_clip, picture, matrix):
    path = make_clip(matrix=matrix, primaries=1, transfer=1)
    shown = next(decode(path)).rgb
    error = shown.astype(int) - picture()
    assert np.abs(error[:, 8:40].mean((0, 1))).max() < 1.0


def test_untagged_video_is_taken_for_what_players_take_it_for(make_clip, picture):
    for height, matrix in ((576, 5), (720, 1)):
        frame = picture(64, height)
        tagged = make_clip("tagged.mp4", [frame], matrix=matrix, primaries=2, transfer=2)
        same = next(decode(tagged)).rgb.astype(int)
        with av.open(str(tagged)) as file:
            stored = next(file.decode(video=0)).to_ndarray()
        path = tagged.parent / "untagged.mp4"
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=25, options={"qp": "0"})
            stream.width, stream.height, stream.pix_fmt = 64, height, "yuv420p"
            file.mux(stream.encode(av.VideoFrame.from_ndarray(stored, format="yuv420p")))
            file.mux(stream.encode())
        assert probe(path).colours.matrix == 2
        assert np.abs(next(decode(path)).rgb - same).max() <= 1


@pytest.mark.parametrize(
    ("matrix", "rotation_deg", "undo"),
    [
        pytest.param((1, 0, 0, 1), 0, lambda p: p, id="upright"),
        pytest.param((0, 1, -1, 0), 90, lambda p: np.rot90(p, -1), id="clockwise"),
        pytest.param((-1, 0, 0, -1), 180, lambda p: np.rot90(p, 2), id="upside down"),
        pytest.param((0, -1, 1, 0), 270, lambda p: np.rot90(p, 1), id="anticlockwise"),
        pytest.param((-1, 0, 0, 1), 180, np.fliplr, id="mirrored"),
    ],
)
def test_a_turned_video_is_shown_upright(make_clip, turned, matrix, rotation_deg, undo):
    path = make_clip()
    wanted = undo(next(decode(path)).rgb)
    info, shown = probe(turned(path, *matrix)), next(decode(path)).rgb
    np.testing.assert_array_equal(shown, wanted)
    assert (info.height, info.width) == shown.shape[:2]
    assert info.rotation_deg == rotation_deg


def test_odd_sizes_are_read(make_clip, picture):
    path = make_clip(frames=[picture(97, 63)], pix_fmt="yuv444p")
    assert next(decode(path)).rgb.shape == (63, 97, 3)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mkv", "libx264", "yuv420p"), ("a.avi", "mpeg4", "yuv420p"), ("a.gif", "gif", "rgb8"),
     ("a.webm", "libvpx", "yuv420p"), ("a.ts", "mpeg2video", "yuv420p")],
)  # fmt: skip
def test_other_containers_are_read(make_clip, name, codec, pix_fmt):
    path = make_clip(name, codec=codec, pix_fmt=pix_fmt, time_base=Fraction(1, 25), pts=range(12))
    frames = list(decode(path))
    assert len(frames) == 12
    assert np.diff([frame.pts for frame in frames]).min() > 0
    assert frames[0].rgb[32, 10, 0] > frames[0].rgb[32, 80, 0]  # red left, blue right


def test_sound_is_noticed(make_clip):
    assert probe(make_clip(sound=True)).has_audio
    assert not probe(make_clip("silent.mp4")).has_audio


def test_memory_does_not_grow_with_the_clip(make_clip, picture):
    def peak(count):
        path = make_clip(frames=[picture(shift=i % 5) for i in range(count)])
        tracemalloc.start()
        for frame in decode(path):
            assert frame.rgb.size
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(3)
    assert peak(200) < peak(20) + 3 * picture().nbytes


def test_a_truncated_video_is_refused_at_the_frame_where_it_breaks(make_clip):
    path = make_clip(container={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.raises(MediaError, match=r"clip.mp4: breaks after \d of 12 frames"):
        list(decode(path))


def test_a_truncated_matroska_is_refused(make_clip, picture):
    frames = [picture(shift=i) for i in range(60)]
    path = make_clip("cut.mkv", frames, x264={"g": "10"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"cut.mkv: breaks after \d+ frames"):
        list(decode(path))


def test_damage_in_the_middle_is_refused_not_shown(make_clip, picture):
    path = make_clip(frames=[picture(shift=i) for i in range(40)])
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : third + 3000] = b"\xff" * 3000
    path.write_bytes(content)
    with pytest.raises(MediaError, match="breaks after"):
        list(decode(path))


def test_bad_files_are_refused_in_one_line(tmp_path, make_clip):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello\n" * 500)
    (tmp_path / "playlist.mp4").write_text("#EXTM3U\n#EXTINF:1\nfile:///etc/passwd\n")
    (tmp_path / "folder.mp4").mkdir()
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as file:
        stream = file.add_stream("aac", rate=48000)
        silence = np.zeros((2, 1024), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    for name, words in (
        ("missing.mp4", "no such file"), ("empty.mp4", "empty"), ("text.mp4", "cannot be read"),
        ("playlist.mp4", "cannot be read"), ("folder.mp4", "not a file"), ("sound.mp4", "no video"),
    ):  # fmt: skip
        for reader in (probe, lambda path: list(decode(path))):
            with pytest.raises(MediaError, match=words) as caught:
                reader(tmp_path / name)
            assert "\n" not in str(caught.value)
            assert name in str(caught.value)


def test_a_video_stream_without_frames_is_refused(tmp_path, make_clip):
    path = tmp_path / "none.mkv"
    with av.open(str(make_clip())) as source, av.open(str(path), "w") as file:
        file.add_stream_from_template(source.streams.video[0])
        file.start_encoding()
    for reader in (probe, lambda path: list(decode(path))):
        with pytest.raises(MediaError, match=r"none\.mkv"):
            reader(path)


def test_ffmpeg_keeps_its_log_to_itself(make_clip, capfd):
    path = make_clip(container={"movflags": "+faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError):
        list(decode(path))
    assert capfd.readouterr() == ("", "")


def test_formats_that_read_other_files_are_closed():
    assert not {"hls", "concat", "dash", "image2", "tty", "lavfi"} & set(FORMATS.split(","))


@needs_real_media
@pytest.mark.realmedia
def test_real_clips_hold_the_frames_they_promise():
    for name, frames in (("dev_large_pose.mp4", 24), ("dev_male_lowres.mp4", 65)):
        info = probe(CLIPS / name)
        shapes = [frame.rgb.shape for frame in decode(CLIPS / name)]
        assert shapes == [(info.height, info.width, 3)] * frames
        assert info.frames == frames
