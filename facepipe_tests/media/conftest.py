"""Synthetic media, made without facepipe's writer, so that reader and writer judge each other."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest

LEFT_RGB, RIGHT_RGB = (200, 60, 40), (30, 120, 190)


@pytest.fixture
def picture():
    """Make a picture of smooth texture, red left and blue right; `shift` moves the texture."""

    def make(width=96, height=64, shift=0):
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        waves = 20 * np.sin((x + 3 * shift) / 7) + 20 * np.sin((y + shift) / 5)
        base = np.where(x[..., None] < width // 2, LEFT_RGB, RIGHT_RGB)
        return np.clip(base + waves[..., None], 0, 255).astype(np.uint8)

    return make


@pytest.fixture
def make_clip(tmp_path, picture):
    """Write a video of `frames` at the times `pts` (in `time_base`) and give its path."""

    def make(name="clip.mp4", frames=None, pts=None, time_base=Fraction(1, 600), **options):
        frames = [picture(shift=i) for i in range(12)] if frames is None else frames
        pts = [24 * i for i in range(len(frames))] if pts is None else pts
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with av.open(str(path), "w", options=options.pop("container", {})) as file:
            stream = _video(file, frames[0], time_base, **options)
            sound = _sound(file, pts[-1] * time_base) if options.get("sound") else []
            for rgb, moment in zip(frames, pts, strict=True):
                frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
                frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=options.get("matrix"))
                frame.pts, frame.time_base = moment, time_base
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
            for packets in sound:
                file.mux(packets)
        return path

    return make


@pytest.fixture
def turned():
    """Give an MP4 the display matrix of a camera held sideways, by its bytes."""

    def turn(path, a, b, c, d):
        content = bytearray(path.read_bytes())
        place = content.index(b"tkhd") + 44
        one = 1 << 16
        matrix = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
        content[place : place + 36] = struct.pack(">9i", *matrix)
        path.write_bytes(content)
        return path

    return turn


def _video(file, first, time_base, codec="libx264", pix_fmt="yuv420p", **options):
    settings = {"crf": "4", "preset": "ultrafast"} if codec == "libx264" else {}
    stream = file.add_stream(codec, rate=25, options={**settings, **options.get("x264", {})})
    stream.height, stream.width = first.shape[:2]
    stream.pix_fmt = pix_fmt
    stream.codec_context.time_base = time_base
    stream.codec_context.thread_count = 1
    if "matrix" in options:
        stream.codec_context.colorspace = options["matrix"]
        stream.codec_context.color_primaries = options["primaries"]
        stream.codec_context.color_trc = options["transfer"]
        stream.codec_context.color_range = 1
    return stream


def _sound(file, length_s):
    """A tone as AAC, whose packets are to be written after the video's."""
    stream = file.add_stream("aac", rate=48000)
    count = 1 + int(length_s * 48000 / 1024)
    wave = 0.2 * np.sin(np.arange(count * 1024) * 2 * np.pi * 440 / 48000)

    def packets():
        for index in range(count):
            piece = np.tile(wave[index * 1024 : (index + 1) * 1024], (2, 1)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, index * 1024, Fraction(1, 48000)
            yield stream.encode(frame)
        yield stream.encode()

    return packets()
