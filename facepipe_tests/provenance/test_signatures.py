"""A signed record is refused once anything in it was changed; who must have signed can be asked."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.errors import BadInputError, ConsentError
from facepipe.provenance.allowing import check_company, check_consent, check_signer
from facepipe.provenance.consent import Consent, read_consent, revoke, sign, write_consent
from facepipe.provenance.signatures import read_key
from facepipe.settings import consent_keys

add_commands()
NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
RECORD = Consent(
    subject="Ada",
    granted_by="Ada",
    granted_at=NOW - timedelta(days=1),
    expires_at=NOW + timedelta(days=100),
    scope=("train", "swap"),
    media=("0" * 64,),
    contact="there",
)
SIGNED = sign(RECORD, KEY)


def check(record, now=NOW):
    check_consent(record, {"a": "0" * 64}, "swap", now)


def key_file(path, key=KEY, password=None, kind=form.PrivateFormat.PKCS8):
    locked = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    path.write_bytes(key.private_bytes(form.Encoding.PEM, kind, locked))
    return path


def test_a_signed_record_is_read_back_and_allows_the_same(tmp_path):
    write_consent(SIGNED, tmp_path / "c.json")
    assert read_consent(tmp_path / "c.json") == SIGNED
    check(SIGNED)
    assert SIGNED.id == RECORD.id
    assert len(SIGNED.signature.fingerprint.split(":")) == 16


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Eve"}, {"scope": ("publish",)}, {"media": ("0" * 64, "1" * 64)},
        {"expires_at": NOW + timedelta(days=101)}, {"only_with": ("scene",)}, {"contact": ""},
        {"retention_days": 9000}, {"granted_by": "Eve"}, {"granted_at": NOW - timedelta(days=2)},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_whatever_is_changed_after_signing_is_noticed(change):
    with pytest.raises(ConsentError, match=r"signature by key [0-9a-f:]+ is wrong"):
        check(SIGNED.model_copy(update=change))


def test_anothers_key_under_the_signature_does_not_pass():
    forged = SIGNED.signature.model_copy(
        update={"public_key": sign(RECORD, OTHER).signature.public_key}
    )
    with pytest.raises(ConsentError, match="is wrong"):
        check(SIGNED.model_copy(update={"signature": forged}))


@given(place=st.integers(0, 63), bit=st.integers(0, 7))
def test_no_single_bit_of_a_signature_can_be_another(place, bit):
    import base64

    value = bytearray(base64.b64decode(SIGNED.signature.value))
    value[place] ^= 1 << bit
    changed = SIGNED.signature.model_copy(update={"value": base64.b64encode(value).decode()})
    with pytest.raises(ConsentError, match="is wrong"):
        check(SIGNED.model_copy(update={"signature": changed}))


def test_a_signed_record_can_be_revoked_and_stays_signed():
    with pytest.raises(ConsentError, match="was revoked"):
        check(revoke(SIGNED, NOW))


def test_only_where_it_is_asked_for_must_a_record_be_signed_and_by_whom():
    mine = SIGNED.signature.fingerprint
    for keys in ("", "any", mine, f"00:11, {mine}"):
        check_signer(SIGNED, consent_keys({"FACEPIPE_CONSENT_KEYS": keys}))
    check_signer(RECORD, consent_keys({}))
    with pytest.raises(ConsentError, match="not signed"):
        check_signer(RECORD, consent_keys({"FACEPIPE_CONSENT_KEYS": "any"}))
    with pytest.raises(ConsentError, match="not among those"):
        check_signer(sign(RECORD, OTHER), consent_keys({"FACEPIPE_CONSENT_KEYS": mine}))


def test_a_record_for_some_targets_is_for_no_other():
    check_company(RECORD, "scene")
    narrow = RECORD.model_copy(update={"only_with": ("scene", "clip")})
    check_company(narrow, "clip")
    with pytest.raises(ConsentError, match="for scene, clip only, not for film"):
        check_company(narrow, "film")


def test_a_record_ends_its_retention_days_after_it_was_granted():
    short = RECORD.model_copy(update={"retention_days": 30})
    check(short, RECORD.granted_at + timedelta(days=30, seconds=-1))
    with pytest.raises(ConsentError, match="30 days after it was granted"):
        check(short, RECORD.granted_at + timedelta(days=30))
    assert RECORD.model_copy(update={"retention_days": 9999}).ends_at == RECORD.expires_at


def test_keys_of_both_forms_are_read_with_and_without_password(tmp_path):
    pem, openssh = form.PrivateFormat.PKCS8, form.PrivateFormat.OpenSSH
    for kind, password in ((pem, None), (pem, b"secret"), (openssh, None)):
        path = key_file(tmp_path / "key", password=password, kind=kind)
        assert read_key(path, lambda: "secret").private_bytes_raw() == bytes(range(32))
    with pytest.raises(BadInputError, match="password"):
        read_key(key_file(tmp_path / "key", password=b"secret"), lambda: "wrong")


@pytest.mark.parametrize("flaw", ["missing", "garbage", "rsa"])
def test_what_is_no_key_is_one_line(tmp_path, flaw):
    path = tmp_path / "key"
    if flaw == "garbage":
        path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    elif flaw == "rsa":
        done = subprocess.run(["openssl", "genrsa", "-out", str(path), "1024"], capture_output=True)
        if done.returncode:
            pytest.skip("no openssl here")
    with pytest.raises(BadInputError) as caught:
        read_key(path, lambda: "")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_commands_sign_check_and_refuse(tmp_path, monkeypatch, capsys):
    record, key = tmp_path / "c.json", key_file(tmp_path / "key")
    (tmp_path / "a.png").write_bytes(b"picture")
    command = ["consent", "new", "--subject", "Ada", "--scope", "train", "--expires", "2099-01-01"]
    command += ["--media", str(tmp_path / "a.png"), "--only-with", "scene", "clip"]
    assert exit_code_of([*command, "-o", str(record)]) == 0
    monkeypatch.setenv("FACEPIPE_CONSENT_KEYS", "any")
    assert exit_code_of(["consent", "check", str(record)]) == 3
    assert exit_code_of(["consent", "sign", str(record), "--key", str(key)]) == 0
    assert exit_code_of(["consent", "check", str(record)]) == 0
    assert "with scene, clip only" in capsys.readouterr().out
    record.write_text(json.dumps(json.loads(record.read_text()) | {"subject": "Eve"}))
    assert exit_code_of(["consent", "check", str(record)]) == 3
    assert "is wrong" in capsys.readouterr().err
    assert exit_code_of([*command, "--sign", str(key), "-o", str(record)]) == 0
    assert SIGNED.signature.fingerprint == read_consent(record).signature.fingerprint
