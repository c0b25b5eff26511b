"""What a folder of media holds, as SHA-256 digests."""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

from facepipe.errors import MediaError
from facepipe.files import sha256_of

NOT_MEDIA = ("consent.json", "masks")
"""What an input folder may hold besides media: the consent record and hand-drawn masks."""

_SETTLED_NS = 2_000_000_000
_known: dict[Path, tuple[tuple[int, ...], str]] = {}

IDENTITY_MEDIA = "identity_media"
"""What a model file and its record call the digest of the media its person was learnt from."""


def file_digest(path: Path) -> str:
    """SHA-256 (64 hex digits) of a file, read once by this process as long as it does not change.

    Device, inode, size, and the times of the last change of content and of anything tell a change.
    The latter is the system's own clock, which nobody sets back; but it may tick coarsely, so a
    file that changed in the last two seconds is read anew each time.
    """
    began_ns, found = time.time_ns(), path.stat()
    stamp = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if path in _known and _known[path][0] == stamp:
        return _known[path][1]
    digest = sha256_of(path)
    if began_ns - found.st_ctime_ns > _SETTLED_NS:
        _known[path] = (stamp, digest)
    return digest


def folder_digests(folder: Path) -> dict[str, str]:
    """Name → SHA-256 (64 hex digits) of the media files in an input folder, by name.

    Raises:
        MediaError: There is no such folder, or it holds no media.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; put pictures or videos of one person there")
    media = sorted(path for path in folder.iterdir() if _is_media(path))
    if not media:
        raise MediaError(f"{folder}: holds no media; put pictures or videos of one person there")
    return {path.name: file_digest(path) for path in media}


def digest_of_digests(digests: Mapping[str, str]) -> str:
    """One SHA-256 (64 hex digits) for a whole folder; the order of the names does not matter.

    >>> a, b = {"x.png": "1", "y.png": "2"}, {"y.png": "2", "x.png": "1"}
    >>> digest_of_digests(a) == digest_of_digests(b)
    True
    """
    return hashlib.sha256(canonical_json(dict(digests))).hexdigest()


def canonical_json(value: object) -> bytes:
    """JSON as UTF-8 with sorted keys and no spaces: equal values give equal bytes.

    >>> canonical_json({"b": 1, "a": [2]})
    b'{"a":[2],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return text.encode()


def _is_media(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".") and path.name not in NOT_MEDIA
