"""Ed25519 signatures of consent records: made with a person's own key, checked at every use.

The public key stands in the record. It shows that the record is as its holder signed it; that the
holder is the person is for the reader to know, by the key's fingerprint.
"""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_ssh_private_key,
)
from pydantic import BaseModel, ConfigDict, StringConstraints

from facepipe.errors import BadInputError, ConsentError

_SSH_START = b"-----BEGIN OPENSSH"


class Signature(BaseModel):
    """Who signed, and their signature.

    Attributes:
        algorithm: Always `ed25519`.
        public_key: The 32 bytes of the signer's public key, in base64.
        value: The 64 bytes of the signature, in base64.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    algorithm: Literal["ed25519"] = "ed25519"
    public_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]

    @property
    def fingerprint(self) -> str:
        """What names the key, as people compare it: SHA-256 of it, in 16 groups of four digits."""
        digest = hashlib.sha256(base64.b64decode(self.public_key)).hexdigest()
        return ":".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def signed(content: bytes, key: Ed25519PrivateKey) -> Signature:
    """The signature of `content` by `key`; the same each time."""
    public = key.public_key().public_bytes_raw()
    return Signature(public_key=_text(public), value=_text(key.sign(content)))


def check_signature(content: bytes, signature: Signature, what: str) -> None:
    """Pass silently if `signature` is of exactly `content`.

    Raises:
        ConsentError: It is not; `what` was changed after it was signed, or never signed by this.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature.public_key))
        key.verify(base64.b64decode(signature.value), content)
    except (InvalidSignature, ValueError) as error:
        raise ConsentError(
            f"{what}: the signature by key {signature.fingerprint} is wrong: the record was "
            f"changed after it was signed; ask for the record as it was, or have it signed anew"
        ) from error


def read_key(path: Path, ask_password: Callable[[], str]) -> Ed25519PrivateKey:
    """The private key in a PEM or OpenSSH file; its password is asked for only where it has one.

    Raises:
        BadInputError: There is no such file, it is no Ed25519 key, or the password is wrong.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(
            f"{path}: no key can be read ({error.strerror}); make one: "
            f"ssh-keygen -t ed25519 -f {path}"
        ) from error
    load = load_ssh_private_key if content.startswith(_SSH_START) else load_pem_private_key
    try:
        try:
            key = load(content, None)
        except TypeError:  # how the library says that there is a password
            key = load(content, ask_password().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadInputError(
            f"{path}: no Ed25519 key can be read from it, or its password is another one; give a "
            f"private key in PEM form, or without password in OpenSSH form"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInputError(f"{path}: this is no Ed25519 key; make one: ssh-keygen -t ed25519")
    return key


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
