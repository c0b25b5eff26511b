"""A last box of an MP4 that signs every byte before it.

C2PA leaves some bytes of a film unsigned: the file type, empty boxes, and padding in its own box.
The seal is an empty (`free`) box, which players and readers of C2PA skip. The key that checks it
stands in the film's C2PA manifest.
"""

import hashlib
from pathlib import Path

from facepipe.errors import VerificationError
from facepipe.provenance.signer import Signer, signed_by

_MARK = b"facepipe seal 1\n"
_HEAD = 8 + len(_MARK)  # size, "free", mark
_MOST = _HEAD + 1024


def add_seal(film: Path, signer: Signer) -> None:
    """Sign all of `film`, which must end with a whole box, and append the signature."""
    signature_bytes = len(signer.sign(b""))
    head = _head(signature_bytes)
    with film.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256")
        digest.update(head)
        file.seek(0, 2)
        file.write(head + signer.sign(_MARK + digest.digest()))


def check_seal(film: Path, public_key: bytes) -> None:
    """Pass silently if the last box of `film` signs every other byte of it.

    Raises:
        VerificationError: It does not, or there is none.
    """
    length = film.stat().st_size
    with film.open("rb") as file:
        file.seek(max(length - _MOST, 0))
        start = length - _MOST + file.read().rfind(b"free" + _MARK) - 4 + max(_MOST - length, 0)
        signature_bytes = length - start - _HEAD
        file.seek(max(start, 0))
        if start < 0 or signature_bytes <= 0 or file.read(_HEAD) != _head(signature_bytes):
            raise VerificationError("its last bytes are missing or changed: the seal is not whole")
        signature = file.read()
    if not signed_by(public_key, signature, _MARK + _digest_until(film, start + _HEAD)):
        raise VerificationError("bytes were changed after it was signed")


def _head(signature_bytes: int) -> bytes:
    return (_HEAD + signature_bytes).to_bytes(4) + b"free" + _MARK


def _digest_until(film: Path, end: int) -> bytes:
    digest = hashlib.sha256()
    with film.open("rb") as file:
        while end > 0 and (piece := file.read(min(end, 1 << 20))):
            digest.update(piece)
            end -= len(piece)
    return digest.digest()
