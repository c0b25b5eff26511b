"""Provenance inside an MP4: a manifest that any reader of C2PA shows, and a seal over all bytes.

Nothing is fetched and nobody is asked: no time-stamp authority, no trust list, no remote manifest.
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import c2pa

from facepipe.errors import VerificationError
from facepipe.files import sha256_of, whole_file
from facepipe.provenance.seal import add_seal, check_seal
from facepipe.provenance.signer import Signer, public_bytes
from facepipe.provenance.statement import Statement
from facepipe.provenance.steadying import steadied

ASSERTION = "org.facepipe.provenance"
_MIME = "video/mp4"
_SUFFIXES = (".mp4", ".m4v", ".mov")
_ACCEPTED = frozenset({"signingCredential.untrusted"})
_SETTINGS: Mapping[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}, "auto_timestamp_assertion": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": False},
}
_MANIFEST_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def sign_film(film: Path, statement: Statement, signer: Signer) -> None:
    """Put a manifest that says `statement`, and a seal, into an MP4.

    The statement's first ingredient is the film that was edited.

    The same film, statement, key and version of the library give the same bytes, unless the key is
    RSA's.

    Raises:
        VerificationError: The result cannot be verified; the film is as it was.
        StorageError: The disk is full or the folder may not be written to.
    """
    unsigned = sha256_of(film)
    with whole_file(film) as aside:
        signed: list[tuple[bytes, bytes]] = []

        def sign(payload: bytes) -> bytes:
            signed.append((payload, signer.sign(payload)))
            return signed[-1][1]

        manifest = _embedded(film, aside, _definition(statement, signer, unsigned), sign, signer)
        if signer.algorithm != "ps256":
            _replace(aside, manifest, steadied(manifest, signed[-1], signer.sign))
        add_seal(aside, signer)
        read_film(aside)


def read_film(film: Path) -> tuple[Statement | None, str]:
    """What the manifest of an MP4 says, and who signed it, if all of it holds.

    Of a film signed by another program, the statement is `None`.

    Raises:
        VerificationError: It has no manifest, or something was changed.
    """
    report = _checked(film)
    active = report["manifests"][report["active_manifest"]]
    who = str(active.get("signature_info", {}).get("common_name") or "an unnamed certificate")
    ours = [each["data"] for each in active["assertions"] if each["label"] == ASSERTION]
    if not ours:
        return None, who
    try:
        check_seal(film, base64.b64decode(ours[0]["seal_key"], validate=True))
        return Statement.model_validate(ours[0]["statement"]), who
    except (KeyError, TypeError, ValueError) as error:
        raise VerificationError(f"{film}: its manifest is of another version") from error
    except VerificationError as error:
        raise VerificationError(f"{film}: {error}") from error


def is_film(file: Path) -> bool:
    """Whether a file begins like an MP4, or is called one."""
    with file.open("rb") as opened:
        return opened.read(8)[4:] == b"ftyp" or file.suffix.lower() in _SUFFIXES


def _checked(film: Path) -> dict[str, Any]:
    """The manifest store as C2PA's reader tells it; raises as `read_film`."""
    if not _has_manifest(film):
        raise VerificationError(
            f"{film}: has no provenance manifest; it was not made by facepipe, or its manifest was "
            f"removed"
        )
    try:
        with (
            film.open("rb") as file,
            c2pa.Context.from_dict(dict(_SETTINGS)) as context,
            c2pa.Reader(_MIME, file, context=context) as reader,
        ):
            report: dict[str, Any] = json.loads(reader.json())
            results: dict[str, Any] = reader.get_validation_results() or {}
    except (c2pa.C2paError, ValueError) as error:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise VerificationError(f"{film}: its manifest cannot be read ({cause})") from error
    failures: list[dict[str, str]] = [
        failure
        for failure in results.get("activeManifest", {}).get("failure", [])
        if failure["code"] not in _ACCEPTED
    ]
    if failures or "active_manifest" not in report:
        told = failures[0] if failures else {"code": "no active manifest"}
        said = told.get("explanation", told["code"])
        raise VerificationError(f"{film}: was changed after it was signed ({said})")
    return report


def _has_manifest(film: Path) -> bool:
    """Whether a top-level box of an MP4 is that of a C2PA manifest."""
    place, length = 0, film.stat().st_size
    with film.open("rb") as file:
        while place + 24 <= length:
            file.seek(place)
            head = file.read(32)
            size = int.from_bytes(head[:4])
            wide = size == 1
            if head[4:8] == b"uuid" and head[8 + 8 * wide :][:16] == _MANIFEST_BOX:
                return True
            size = int.from_bytes(head[8:16]) if wide else size
            if size < 8:
                return False
            place += size
    return False


def _embedded(film: Path, out: Path, definition: Any, sign: Any, signer: Signer) -> bytes:
    algorithm = c2pa.C2paSigningAlg[signer.algorithm.upper()]
    try:
        with (
            film.open("rb") as source,
            out.open("w+b") as result,
            c2pa.Context.from_dict(dict(_SETTINGS)) as context,
            c2pa.Signer.from_callback(sign, algorithm, signer.pem) as native,
            c2pa.Builder(definition, context) as builder,
        ):
            return builder.sign(native, _MIME, source, result)
    except c2pa.C2paError as error:
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise VerificationError(f"{film}: cannot be signed ({cause})") from error


def _replace(film: Path, old: bytes, new: bytes) -> None:
    """Put `new` in the place of `old`, which stands whole in the head of the film."""
    with film.open("r+b") as file:
        place = file.read(len(old) + 4096).index(old)
        file.seek(place)
        file.write(new)


def _definition(statement: Statement, signer: Signer, unsigned_sha256: str) -> dict[str, Any]:
    ingredients = [
        {
            "title": name,
            "relationship": "inputTo" if place else "parentOf",
            "instance_id": _urn(digest),
        }
        for place, (name, digest) in enumerate(statement.ingredients.items())
    ]
    return {
        "title": "swapped video",
        "format": _MIME,
        "label": f"urn:c2pa:{_uuid(unsigned_sha256, 'manifest')}",
        "instance_id": f"xmp:iid:{_uuid(unsigned_sha256, 'instance')}",
        "claim_generator_info": [statement.software.model_dump()],
        "ingredients": ingredients,
        "assertions": [
            {"label": "c2pa.actions", "created": True, "data": _actions(statement)},
            {
                "label": ASSERTION,
                "created": True,
                "data": {
                    "statement": statement.model_dump(mode="json"),
                    "unsigned_sha256": unsigned_sha256,
                    "seal_key": base64.b64encode(public_bytes(signer)).decode(),
                },
            },
        ],
    }


def _actions(statement: Statement) -> dict[str, Any]:
    parent = _urn(next(iter(statement.ingredients.values())))
    edited = {
        "action": statement.action,
        "digitalSourceType": statement.digital_source_type,
        "softwareAgent": statement.software.model_dump(),
        "description": "A person's face was replaced by another's.",
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [parent]}}
    return {"actions": [opened, edited]}


def _urn(digest: str) -> str:
    return f"urn:sha256:{digest}"


def _uuid(digest: str, what: str) -> str:
    """A random-looking identifier (version 4, as C2PA wants) that follows from a digest."""
    return str(
        uuid.UUID(bytes=hashlib.sha256(f"{what}/{digest}".encode()).digest()[:16], version=4)
    )
