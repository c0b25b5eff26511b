"""Make a C2PA manifest the same each time the same film is signed with the same key.

The C2PA library salts each assertion with sixteen random bytes, which the hashes and the signature
then cover. The salts only matter to who wants to redact an assertion, which nobody does here; they
are replaced by bytes that follow from the content, and hashes and signature are made again.
"""

import hashlib
from collections.abc import Callable, Iterator

_SALT_BYTES = 16


def steadied(manifest: bytes, signed: tuple[bytes, bytes], sign: Callable[[bytes], bytes]) -> bytes:
    """`manifest` (JUMBF) with salts that follow from the content, and signed again.

    Args:
        manifest: As the library wrote it.
        signed: What it signed, and the signature.
        sign: Makes a signature of the same length.
    """
    payload, signature = signed
    boxes = list(_salted_boxes(manifest, 0, len(manifest)))
    waiting = {hashlib.sha256(manifest[start:end]).digest(): (start, end) for start, end in boxes}
    steady = bytearray(manifest)
    while waiting:
        before, (start, end) = _names_no_other(waiting, steady)
        del waiting[before]
        salt = steady.index(b"c2sh", start, end) + 4
        steady[salt : salt + _SALT_BYTES] = bytes(_SALT_BYTES)
        derived = hashlib.sha256(steady[start:end]).digest()[:_SALT_BYTES]
        steady[salt : salt + _SALT_BYTES] = derived
        after = hashlib.sha256(steady[start:end]).digest()
        steady, payload = steady.replace(before, after), payload.replace(before, after)
    return bytes(steady.replace(signature, sign(payload)))


def _names_no_other(
    boxes: dict[bytes, tuple[int, int]], content: bytearray
) -> tuple[bytes, tuple[int, int]]:
    """A box in which no other's hash stands: actions name their ingredients by hash."""
    return next(
        (digest, (start, end))
        for digest, (start, end) in boxes.items()
        if not any(other in content[start:end] for other in boxes)
    )


def _salted_boxes(content: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the content of each superbox with a salt begins and ends."""
    while start + 8 <= end:
        size, kind = int.from_bytes(content[start : start + 4]), content[start + 4 : start + 8]
        if size < 8:
            return
        if kind == b"jumb":
            described = int.from_bytes(content[start + 8 : start + 12])
            if b"c2sh" in content[start + 8 : start + 8 + described]:
                yield start + 8, start + size
            yield from _salted_boxes(content, start + 8 + described, start + size)
        start += size
