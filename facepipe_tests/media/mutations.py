"""What is done to whole media, and what is made to mean harm: all by seed."""

import io
import zipfile
from collections.abc import Callable

import numpy as np

from facepipe_tests.media.wholes import Files, clip, gif, picture, png, sound_alone

Rng = np.random.Generator


def _cut(rng: Rng, content: bytes) -> bytes:
    return content[: int(rng.integers(len(content)))]


def _flipped(rng: Rng, content: bytes) -> bytes:
    changed = bytearray(content)
    for place in rng.integers(len(content), size=int(rng.integers(1, 64))):
        changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _garbled(rng: Rng, content: bytes) -> bytes:
    start, length = int(rng.integers(len(content))), int(rng.integers(1, 2048))
    return content[:start] + rng.bytes(length) + content[start + length :]


def _lying_head(rng: Rng, content: bytes) -> bytes:
    """Numbers of the head, where sizes and counts stand, become extreme ones."""
    changed = bytearray(content)
    for place in rng.integers(4, min(len(content), 900) - 8, size=int(rng.integers(1, 6))):
        extreme = (0, 1, 0x7FFF, 0xFFFF, 30_000, 0x7FFFFFFF, 0xFFFFFFFF)[int(rng.integers(7))]
        order = ("big", "little")[int(rng.integers(2))]
        changed[place : place + 4] = extreme.to_bytes(4, order)
    return bytes(changed)


def _lying_box(rng: Rng, content: bytes) -> bytes:
    """A size, count or time in one of the tables that players trust."""
    known = (
        b"stsz", b"stts", b"stsc", b"stco", b"tkhd", b"mdhd", b"mvhd", b"ctts", b"avc1", b"elst",
        b"moov", b"mdat", b"avih", b"strh", b"IHDR", b"VP8 ", b"\x16\x54\xae\x6b",
    )  # fmt: skip
    there = [mark for mark in known if mark in content]
    if not there:
        return _lying_head(rng, content)
    place = content.index(there[int(rng.integers(len(there)))]) + int(rng.integers(-4, 40))
    changed = bytearray(content)
    changed[place : place + 4] = rng.bytes(4) if rng.random() < 0.5 else b"\xff\xff\xff\xff"
    return bytes(changed)


def _swapped_pieces(rng: Rng, content: bytes) -> bytes:
    size = max(len(content) // 16, 1)
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    first, second = rng.integers(len(pieces), size=2)
    pieces[first], pieces[second] = pieces[second], pieces[first]
    return b"".join(pieces)


def _repeated(rng: Rng, content: bytes) -> bytes:
    start = int(rng.integers(len(content)))
    return (
        content[:start] + content[start : start + 512] * int(rng.integers(2, 200)) + content[start:]
    )


def _holed(rng: Rng, content: bytes) -> bytes:
    start, length = int(rng.integers(len(content))), int(rng.integers(1, len(content)))
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def _joined(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """Two files one after the other; the second may be of another kind or size."""
    first, second = (str(name) for name in rng.choice(sorted(whole), size=2))
    return first, whole[first] + whole[second]


def _other_size(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """A stream whose pictures change their size half way."""
    return "a.ts", whole["a.ts"] + clip(
        "a.ts", "libx264", "yuv420p", False, int(rng.integers(1, 99)) * 2
    )


def _times(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """Times that leap, by up to years."""
    del whole
    steps = rng.integers(1, 10 ** int(rng.integers(1, 9)), size=8)
    return "a.mkv", clip("a.mkv", "libx264", "yuv420p", False, pts=[int(t) for t in steps.cumsum()])


def _polyglot(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """One file that several readers take for theirs."""
    name = str(rng.choice(sorted(whole)))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../../escaped.txt", "out")
    before = (b"", b"<html><script>1</script>", b"%PDF-1.4\n", b"GIF89a", b"\xff\xd8\xff\xe0")
    return name, before[int(rng.integers(len(before)))] + whole[name] + archive.getvalue()


def _script(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """Text that FFmpeg would follow to other files and hosts."""
    del whole
    texts = (
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>",
        b"<?xml version='1.0'?><MPD><Period><BaseURL>/etc/passwd</BaseURL></Period></MPD>",
        b"!<arch>\n", b"\x7fELF" + bytes(99), b"\n" * 5000, b"[playlist]\nFile1=/etc/passwd\n",
    )  # fmt: skip
    suffix = ("mp4", "gif", "ts", "jpg")[int(rng.integers(4))]
    return f"a.{suffix}", texts[int(rng.integers(len(texts)))]


def _other_suffix(rng: Rng, whole: Files) -> tuple[str, bytes]:
    names = sorted(whole)
    return str(rng.choice(names)), whole[str(rng.choice(names))]


def _nothing_seen(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """Sound alone, or a head without a frame."""
    heard = sound_alone(("mp4", "matroska")[int(rng.integers(2))])
    head = whole["a.mp4"][: whole["a.mp4"].index(b"mdat") - 4]
    return "a.mp4", heard if rng.random() < 0.7 else head


def _extreme(rng: Rng, whole: Files) -> tuple[str, bytes]:
    """Too small, too large, too many."""
    del whole
    return (
        lambda: ("a.png", png(30_000, 30_000)),
        lambda: ("a.png", png(9_000, 9_000)),
        lambda: ("a.png", png(1, 1)),
        lambda: ("a.png", png(2**31 - 1, 1)),
        lambda: ("a.gif", gif(100_000)),
        lambda: ("a.gif", gif(0)),
        lambda: ("a.bmp", picture("BMP", 1, 1)),
        lambda: ("a.tif", picture("TIFF", 1, 65_000)),
        lambda: ("a.avi", clip("a.avi", "mjpeg", "yuvj444p", False, 1)),
        lambda: ("a.mp4", bytes(1 << 20)),
        lambda: ("a.mp4", b"\x00\x00\x00\x00ftyp" + rng.bytes(4096)),
    )[int(rng.integers(11))]()


MUTATIONS: dict[str, Callable[[Rng, bytes], bytes]] = {
    "cut short": _cut,
    "bits flipped": _flipped,
    "garbled": _garbled,
    "lying head": _lying_head,
    "lying table": _lying_box,
    "pieces swapped": _swapped_pieces,
    "pieces repeated": _repeated,
    "holes": _holed,
}
MADE: dict[str, Callable[[Rng, Files], tuple[str, bytes]]] = {
    "joined": _joined,
    "size changes": _other_size,
    "broken times": _times,
    "polyglot": _polyglot,
    "script": _script,
    "other suffix": _other_suffix,
    "nothing to see": _nothing_seen,
    "extreme": _extreme,
}
