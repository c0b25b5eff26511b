"""What a folder of media holds, as SHA-256 digests."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from facepipe.errors import MediaError
from facepipe.files import sha256_of

NOT_MEDIA = ("consent.json", "masks")
"""What an input folder may hold besides media: the consent record and hand-drawn masks."""


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
    return {path.name: sha256_of(path) for path in media}


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
