"""Provenance beside a file that cannot hold it: `<file>.sig`, found by content, not by name.

It is a DSSE envelope around an in-toto statement, as software supply chains use them: JSON with the
signed text, the signature, and the certificates of who signed.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from facepipe.errors import VerificationError
from facepipe.files import sha256_of
from facepipe.provenance.digests import canonical_json
from facepipe.provenance.signer import Signer, signed_by
from facepipe.provenance.statement import Statement

SUFFIX = ".sig"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://facepipe.org/provenance/v1"
_MOST_BYTES = 1_000_000


class _Signature(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sig: Base64Bytes
    cert: str


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="forbid")

    payloadType: Literal["application/vnd.in-toto+json"]  # noqa: N815  named by DSSE
    payload: Base64Bytes
    signatures: Annotated[list[_Signature], Field(min_length=1, max_length=1)]


def sidecar_of(file: Path) -> Path:
    """Where the record of a file lies."""
    return file.with_name(file.name + SUFFIX)


def sidecar_bytes(sha256: str, statement: Statement, signer: Signer) -> bytes:
    """The record of a file with this content; the same each time, unless the key is RSA's."""
    payload = canonical_json(
        {
            "_type": _STATEMENT_TYPE,
            "subject": [{"digest": {"sha256": sha256}}],
            "predicateType": _PREDICATE_TYPE,
            "predicate": statement.model_dump(mode="json"),
        }
    )
    signature = {"sig": _text(signer.sign(_to_sign(payload))), "cert": signer.pem}
    envelope = {
        "payloadType": _PAYLOAD_TYPE,
        "payload": _text(payload),
        "signatures": [signature],
    }
    return (json.dumps(envelope, indent=1) + "\n").encode()


def read_sidecar(file: Path) -> tuple[Statement, str]:
    """What the record beside `file` says of it, and who signed; any record in its folder serves.

    Raises:
        VerificationError: None is of this content, or it was changed.
    """
    sha256, reasons = sha256_of(file), list[str]()
    for record in _records(file):
        try:
            told, who = _read(record)
        except VerificationError as error:
            reasons.append(str(error))
            continue
        if told["subject"] == [{"digest": {"sha256": sha256}}]:
            return _statement(record, told), who
    if reasons:
        raise VerificationError(f"{file}: {'; '.join(reasons[:2])}")
    if sidecar_of(file).is_file():
        raise VerificationError(
            f"{file}: was changed: its record {sidecar_of(file).name} is of other bytes"
        )
    raise VerificationError(
        f"{file}: has no provenance record; it was not made by facepipe, or its record "
        f"({sidecar_of(file).name}) does not lie beside it"
    )


def _records(file: Path) -> Iterator[Path]:
    """Records in the folder of `file`, its own first."""
    own = sidecar_of(file)
    found = sorted(path for path in file.parent.glob(f"*{SUFFIX}") if path.is_file())
    yield from sorted(found, key=lambda path: path.name.lstrip(".") != own.name)


def _read(record: Path) -> tuple[dict[str, Any], str]:
    """What a record says, and who signed it, if the signature holds."""
    if record.stat().st_size > _MOST_BYTES:
        raise VerificationError(f"{record.name} is too large for a record")
    try:
        envelope = _Envelope.model_validate_json(record.read_bytes())
        (signature,) = envelope.signatures
        certificate = x509.load_pem_x509_certificates(signature.cert.encode())[0]
        told = json.loads(envelope.payload)
    except (ValidationError, ValueError, RecursionError) as error:
        raise VerificationError(f"{record.name} is not a whole record") from error
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if not signed_by(key, signature.sig, _to_sign(envelope.payload)):
        raise VerificationError(f"{record.name} was changed after it was signed")
    if (
        not isinstance(told, dict)
        or cast(dict[str, Any], told).get("predicateType") != _PREDICATE_TYPE
    ):
        raise VerificationError(f"{record.name} is not a record of facepipe")
    return cast(dict[str, Any], told), _name_in(certificate)


def _statement(record: Path, told: dict[str, Any]) -> Statement:
    try:
        return Statement.model_validate(told["predicate"])
    except (KeyError, ValidationError) as error:
        raise VerificationError(f"{record.name} is of another version") from error


def _to_sign(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _name_in(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else "an unnamed certificate"
