"""The hashes that say which media were meant."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from facepipe.errors import MediaError
from facepipe.files import sha256_of

NOT_MEDIA = frozenset({"consent.json", "masks"})
"""What an input folder holds beside media."""


def folder_digests(folder: Path, names: Sequence[str] | None = None) -> dict[str, str]:
    """SHA-256 of each media file of an input folder, by name; or of the files named.

    Raises:
        MediaError: There is no such folder, or it holds no media.
    """
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; put pictures or videos of one person there")
    if names is None:
        names = sorted(
            path.name
            for path in folder.iterdir()
            if path.is_file() and not path.name.startswith(".") and path.name not in NOT_MEDIA
        )
    if not names:
        raise MediaError(f"{folder}: holds no media; put pictures or videos of one person there")
    return {name: sha256_of(folder / name) for name in names}


def digest_of_digests(digests: Mapping[str, str]) -> str:
    """One digest of names and hashes, whatever their order.

    >>> digest_of_digests({"a": "1", "b": "2"}) == digest_of_digests({"b": "2", "a": "1"})
    True
    """
    return hashlib.sha256(json.dumps(dict(digests), sort_keys=True).encode()).hexdigest()[:32]
