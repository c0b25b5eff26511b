"""Small whole media of every kind, and sizes; the same bytes each time."""

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

Files = dict[str, bytes]


def whole_files() -> Files:
    """One small whole file of each container and picture format."""
    clips = {
        "a.mp4": ("libx264", "yuv420p", True),
        "a.mov": ("libx264", "yuv444p", False),
        "a.mkv": ("libx264", "yuv420p", True),
        "a.avi": ("mpeg4", "yuv420p", False),
        "a.ts": ("libx264", "yuv420p", True),
        "a.flv": ("libx264", "yuv420p", False),
        "a.webm": ("libvpx", "yuv420p", False),
    }
    pictures = {"a.jpg": "JPEG", "a.png": "PNG", "a.webp": "WEBP", "a.bmp": "BMP", "a.tif": "TIFF"}
    return {
        **{name: clip(name, *how) for name, how in clips.items()},
        **{name: picture(kind) for name, kind in pictures.items()},
        "a.gif": gif(5),
    }


def clip(
    name: str, codec: str, pix_fmt: str, sound: bool, width: int = 64, pts: list[int] | None = None
) -> bytes:
    """Eight frames of moving texture."""
    suffix = Path(name).suffix[1:]
    kind = {"ts": "mpegts", "mkv": "matroska"}.get(suffix, suffix)
    out = io.BytesIO()
    with av.open(out, "w", format=kind, options={"fflags": "+bitexact"}) as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, 48, pix_fmt
        stream.codec_context.thread_count = 1
        tone = file.add_stream("aac", rate=44100) if sound else None
        for number, moment in enumerate(pts or range(8)):
            rows, columns = np.mgrid[:48, :width]
            grey = (rows * 3 + columns * 2 + number * 9) % 256
            frame = av.VideoFrame.from_ndarray(np.stack([grey] * 3, 2).astype(np.uint8), "rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if tone is not None:
            wave = np.zeros((2, 1024), np.float32)
            quiet = av.AudioFrame.from_ndarray(wave, "fltp", "stereo")
            quiet.sample_rate = 44100
            file.mux(tone.encode(quiet))
            file.mux(tone.encode())
    return out.getvalue()


def picture(kind: str, width: int = 40, height: int = 30) -> bytes:
    """A picture of slow waves."""
    rows, columns = np.mgrid[:height, :width]
    grey = ((rows * 5 + columns * 3) % 256).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.stack([grey, grey[::-1], grey], 2)).save(out, kind)
    return out.getvalue()


def gif(frames: int) -> bytes:
    """A GIF of 1 x 1 px that changes colour `frames` times."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    delay = b"\x21\xf9\x04\x00\x04\x00\x00\x00"
    blocks = [
        delay + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02" + bits + b"\x00"
        for bits in (b"\x44\x01", b"\x4c\x01")
    ]
    return head + (blocks[0] + blocks[1]) * (frames // 2) + blocks[0] * (frames % 2) + b";"


def png(width: int, height: int) -> bytes:
    """A black picture of one bit per pixel, as large as it says."""
    packed = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    crc = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


def sound_alone(kind: str = "mp4") -> bytes:
    """A container with nothing to see in it."""
    out = io.BytesIO()
    with av.open(out, "w", format=kind, options={"fflags": "+bitexact"}) as file:
        tone = file.add_stream("aac", rate=44100)
        quiet = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        quiet.sample_rate = 44100
        file.mux(tone.encode(quiet))
        file.mux(tone.encode())
    return out.getvalue()
