"""Who vouches for what is made: a private key with its certificates, yours or one made here.

Signatures of Ed25519 and of elliptic curves are the same each time the same content is signed;
those of RSA are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from facepipe.errors import BadInputError, VerificationError

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
_CURVES: Mapping[str, tuple[str, Any]] = {
    "secp256r1": ("es256", hashes.SHA256()),
    "secp384r1": ("es384", hashes.SHA384()),
    "secp521r1": ("es512", hashes.SHA512()),
}
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class Signer:
    """A private key, and the certificates that say whose it is.

    Attributes:
        key: signs.
        certificates: the key's own first, then those of its issuers.
    """

    key: PrivateKey
    certificates: tuple[x509.Certificate, ...]

    @property
    def algorithm(self) -> str:
        """Its name in C2PA: ed25519, es256, es384, es512 or ps256."""
        return algorithm_of(self.key.public_key())

    @property
    def pem(self) -> str:
        """The certificates, one after another."""
        return "".join(each.public_bytes(Encoding.PEM).decode() for each in self.certificates)

    def sign(self, content: bytes) -> bytes:
        """The signature of `content`; of a curve, both numbers at full length one after another."""
        match self.key:
            case Ed25519PrivateKey():
                return self.key.sign(content)
            case ec.EllipticCurvePrivateKey():
                chosen = ec.ECDSA(_CURVES[self.key.curve.name][1], deterministic_signing=True)
                numbers, length = (
                    decode_dss_signature(self.key.sign(content, chosen)),
                    _length(self.key),
                )
                return b"".join(number.to_bytes(length) for number in numbers)
            case _:
                return self.key.sign(content, _pss(), hashes.SHA256())


def signer_of(certificate: Path, private_key: Path) -> Signer:
    """A user's own key and certificates, from PEM files.

    Raises:
        BadInputError: A file is missing or not such a file, or they do not belong together.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInputError(f"{certificate}: no PEM certificates ({_cause(error)})") from error
    try:
        key = serialization.load_pem_private_key(private_key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise BadInputError(
            f"{private_key}: no PEM private key without a password ({_cause(error)})"
        ) from error
    algorithm_of(key.public_key())
    if _spki(key.public_key()) != _spki(chain[0].public_key()):
        raise BadInputError(
            f"{private_key} is not the key of the first certificate in {certificate}"
        )
    return Signer(key, tuple(chain))  # pyright: ignore[reportArgumentType]  algorithm_of checked it


def algorithm_of(key: Any) -> str:
    """C2PA's name of the algorithm that a public key checks.

    Raises:
        BadInputError: C2PA knows none for it.
    """
    if isinstance(key, Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name][0]
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return "ps256"
    raise BadInputError(
        f"a key of this kind ({type(key).__name__}) cannot sign; needed is Ed25519, P-256, P-384, "
        f"P-521, or RSA of at least {_LEAST_RSA_BITS} bits"
    )


def public_bytes(signer: Signer) -> bytes:
    """The signer's public key, as `signed_by` takes it."""
    return _spki(signer.key.public_key())


def signed_by(public_key: bytes, signature: bytes, content: bytes) -> bool:
    """Whether `signature` of `content` was made by the key that belongs to `public_key`.

    Raises:
        VerificationError: `public_key` is no public key.
    """
    try:
        key = serialization.load_der_public_key(public_key)
        algorithm_of(key)
    except (ValueError, BadInputError) as error:
        raise VerificationError(f"its public key cannot be read ({_cause(error)})") from error
    try:
        _check(key, signature, content)
    except InvalidSignature:
        return False
    return True


def _check(key: Any, signature: bytes, content: bytes) -> None:
    match key:
        case Ed25519PublicKey():
            key.verify(signature, content)
        case ec.EllipticCurvePublicKey():
            half = _length(key)
            if len(signature) != 2 * half:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
            key.verify(encode_dss_signature(r, s), content, ec.ECDSA(_CURVES[key.curve.name][1]))
        case _:
            key.verify(signature, content, _pss(), hashes.SHA256())


def _length(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> int:
    return (key.key_size + 7) // 8


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


def _spki(key: Any) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _cause(error: Exception) -> str:
    return (str(getattr(error, "strerror", None) or error) or type(error).__name__).splitlines()[0]
