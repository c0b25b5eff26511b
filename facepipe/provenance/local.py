"""A key and certificates of this machine's own, for who has none: they say so themselves.

They prove that nothing changed since signing, and that two files come from the same data root. They
prove nobody's name; every reader of C2PA reports them as untrusted.
"""

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facepipe.files import make_folder, storage_errors, write_once
from facepipe.provenance.signer import Signer, signer_of

LOCAL_NAME = "facepipe on this machine, untrusted"
"""Whom a certificate that was made here names."""
_ISSUER = "facepipe local certificates, untrusted"
_FILE = "signing.pem"
# a clock that was wrong when the key was made, or is put back later, makes no signature invalid
_FROM = datetime(2000, 1, 1, tzinfo=UTC)
_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280: it does not expire


def local_signer(folder: Path) -> Signer:
    """The key in `folder`, made there on first use and readable by its owner alone.

    Raises:
        BadInputError: What lies there is no such key.
        StorageError: It cannot be written.
    """
    place = folder / _FILE
    if not place.exists():
        with storage_errors(folder):
            make_folder(folder, mode=0o700)
        write_once(place, _new_pem())
    return signer_of(place, place)


def _new_pem() -> bytes:
    """A private key, its certificate, and that of an issuer whose key is kept by nobody."""
    key, issuer_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    issuer, subject = _name(_ISSUER), _name(LOCAL_NAME)
    issuer_certificate = (
        _builder(issuer, issuer_key.public_key(), issuer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(for_certificates=True), critical=True)
        .add_extension(_key_id(issuer_key), critical=False)
        .sign(issuer_key, None)
    )
    certificate = (
        _builder(subject, key.public_key(), issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(for_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )  # what C2PA readers accept by default
        .add_extension(_key_id(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, None)
    )
    return (
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
        + issuer_certificate.public_bytes(Encoding.PEM)
    )


def _builder(
    subject: x509.Name, key: Ed25519PublicKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
    )


def _usage(*, for_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not for_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=for_certificates,
        crl_sign=for_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_id(key: Ed25519PrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, text),
        ]
    )
