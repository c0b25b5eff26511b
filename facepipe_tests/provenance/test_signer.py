"""Who signs: a key of one's own in any form C2PA knows, or one made here that says so."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from facepipe.errors import BadInputError, SettingsError
from facepipe.provenance.film import read_film, sign_film
from facepipe.provenance.local import local_signer
from facepipe.provenance.signer import public_bytes, signed_by, signer_of
from facepipe.provenance.trying import try_signing
from facepipe.settings import own_certificate
from facepipe_tests.provenance.conftest import SAID

NOW = datetime.now(UTC)


def named(text):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, text),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, text),
        ]
    )


def issued(folder, key, days=9):
    """Files of a key and of a certificate for it by an issuer of its own, valid for so long."""
    authority = ec.generate_private_key(ec.SECP256R1())
    mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(named("Studio"))
        .issuer_name(named("Studio CA"))
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.KeyUsage(True, *[False] * 8), critical=True)
        .add_extension(mail, critical=False)
        .add_extension(by, critical=False)
        .sign(authority, hashes.SHA256())
    )
    (folder / "chain.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return folder / "chain.pem", folder / "key.pem"


KEYS = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
}


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_film_is_signed_with_a_certificate_of_ones_own(film, tmp_path, algorithm):
    signer = signer_of(*issued(tmp_path, KEYS[algorithm]()))
    assert signer.algorithm == algorithm
    sign_film(film, SAID, signer)
    statement, who = read_film(film)
    assert statement == SAID
    assert who == "Studio"


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_signature_holds_for_its_key_and_content_alone(tmp_path, algorithm):
    signer = signer_of(*issued(tmp_path, KEYS[algorithm]()))
    signature = signer.sign(b"content")
    assert signed_by(public_bytes(signer), signature, b"content")
    assert not signed_by(public_bytes(signer), signature, b"other")
    assert not signed_by(public_bytes(signer), signature[:-1], b"content")
    other = signer_of(*issued(tmp_path, KEYS[algorithm]()))
    assert not signed_by(public_bytes(other), signature, b"content")


def test_the_local_key_is_made_once_for_its_owner_alone(tmp_path):
    folder = tmp_path / "keys"
    with ThreadPoolExecutor(8) as pool:
        made = {public_bytes(signer) for signer in pool.map(local_signer, [folder] * 8)}
    assert len(made) == 1
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_cannot_sign_is_refused_with_what_is_needed(tmp_path):
    chain, key = issued(tmp_path, KEYS["es256"]())
    (tmp_path / "other").mkdir()
    _, other = issued(tmp_path / "other", KEYS["es256"]())
    with pytest.raises(BadInputError, match="is not the key of the first certificate"):
        signer_of(chain, other)
    with pytest.raises(BadInputError, match="no PEM certificates"):
        signer_of(tmp_path / "none", key)
    with pytest.raises(BadInputError, match="no PEM private key"):
        signer_of(chain, chain)
    (tmp_path / "weak").mkdir()
    with pytest.raises(BadInputError, match="P-256"):
        signer_of(*issued(tmp_path / "weak", ec.generate_private_key(ec.SECP224R1())))
    locked = tmp_path / "locked.pem"
    secret = KEYS["es256"]()
    locked.write_bytes(
        secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    )
    with pytest.raises(BadInputError, match="without a password"):
        signer_of(chain, locked)


def test_an_expired_certificate_is_found_out_by_trying_and_a_valid_one_passes(tmp_path):
    try_signing(signer_of(*issued(tmp_path, KEYS["es256"]())))
    with pytest.raises(BadInputError, match="valid today"):
        try_signing(signer_of(*issued(tmp_path, KEYS["es256"](), days=-2)))


def test_certificate_and_key_are_set_together_or_not_at_all():
    assert own_certificate({}) is None
    with pytest.raises(SettingsError, match="needed together"):
        own_certificate({"FACEPIPE_CERTIFICATE": "a.pem"})


def test_a_key_made_here_is_valid_whatever_the_clock_says(tmp_path):
    for certificate in local_signer(tmp_path).certificates:
        assert certificate.not_valid_before_utc.year <= 2000
        assert certificate.not_valid_after_utc.year == 9999
