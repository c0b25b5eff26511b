"""What is published says how it was made: films hold a manifest, others have a record beside them.

The data version is taken before, so that it follows from content and not from whose key signs.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from facepipe.defs.partitions import sides_of
from facepipe.files import sha256_of, write_whole
from facepipe.settings import own_certificate

if TYPE_CHECKING:
    from facepipe.defs.storage import Store
    from facepipe.provenance.signer import Signer
    from facepipe.provenance.statement import Statement

FILMS, MODELS = ("*.mp4",), ("*.onnx", "*.safetensors", "best/*.safetensors")
PICTURES = ("pictures/*.png",)
"""Of a swap whose target is pictures; they are made beside its film."""
_LISTED = "trained"
LEAVING = (".onnx", ".dfm", ".safetensors")
"""What models are called that leave the data root."""


def signer(keys: Path) -> "Signer":
    """Who signs: the user's certificate, or the one in `keys`, made there on first use.

    Raises:
        SettingsError: Only one of `FACEPIPE_CERTIFICATE` and `FACEPIPE_PRIVATE_KEY` is set.
        BadInputError: A file of theirs is missing, or they do not belong together.
    """
    from facepipe.provenance.local import local_signer
    from facepipe.provenance.signer import signer_of

    own = own_certificate()
    return signer_of(*own) if own else local_signer(keys)


def check_certificate() -> None:
    """Refuse a certificate that cannot sign before anything is made, not when it is published.

    Raises:
        SettingsError: Only one of `FACEPIPE_CERTIFICATE` and `FACEPIPE_PRIVATE_KEY` is set.
        BadInputError: A file of theirs is missing, they do not belong together, or C2PA accepts
            nothing that they sign.
    """
    own = own_certificate()
    if own:
        from facepipe.provenance.signer import signer_of

        _try(own, signer_of(*own).pem)


@lru_cache(maxsize=1)
def _try(own: tuple[Path, Path], pem: str) -> None:
    """Sign something with the user's files, once for as long as the certificates stay the same."""
    from facepipe.provenance.signer import signer_of
    from facepipe.provenance.trying import try_signing

    del pem  # a part of what is remembered, no more
    try_signing(signer_of(*own))


def sign_published(
    store: "Store", out: Path, which: tuple[str, str], inputs: Mapping[str, str]
) -> None:
    """Sign every film, picture and model in `out`, which is about to be published.

    Args:
        store: The data root.
        out: The folder.
        which: Key and partition of the asset.
        inputs: Digests of what it was made from.

    Raises:
        ConsentError: A record is gone.
        VerificationError: A film cannot be signed.
    """
    films, models = _found(out, FILMS), _found(out, MODELS)
    if not films and not models:
        return
    from facepipe.provenance.film import sign_film

    key, partition = which
    vouching = signer(store.signing_keys())
    if films:
        said = _of_film(out, key)
        for film in films:
            sign_film(film, said, vouching)
        for picture in _found(out, PICTURES):
            _put_beside(picture, said, vouching)
    if models:
        said = of_model(key, inputs, _consent_ids(store, key, partition))
        for model in models:
            _put_beside(model, said, vouching)


def _put_beside(file: Path, said: "Statement", vouching: "Signer") -> None:
    from facepipe.provenance.sidecar import sidecar_bytes, sidecar_of

    write_whole(sidecar_of(file), sidecar_bytes(sha256_of(file), said, vouching))


def with_records(
    files: Mapping[str, bytes], said: "Statement", vouching: "Signer", published: Path | None = None
) -> dict[str, bytes]:
    """Files that leave the data root, and a record of each model among them.

    A model that is as `published` keeps the record it has there; another gets one that says `said`.
    Beside a DFM, and among WatserFace's trained models, the record is hidden: their readers take
    every file they see there for a model.
    """
    from facepipe.provenance.sidecar import SUFFIX, sidecar_bytes, sidecar_of

    records: dict[str, bytes] = {}
    for name, content in files.items():
        path = PurePath(name)
        if path.suffix not in LEAVING:
            continue
        hidden = "." if path.suffix == ".dfm" or path.parent.name == _LISTED else ""
        digest = hashlib.sha256(content).hexdigest()
        kept = published if published and sha256_of(published) == digest else None
        record = (
            sidecar_of(kept).read_bytes()
            if kept and sidecar_of(kept).is_file()
            else sidecar_bytes(digest, said, vouching)
        )
        records[str(path.with_name(f"{hidden}{path.name}{SUFFIX}"))] = record
    return {**files, **records}


def of_model(key: str, inputs: Mapping[str, str], consent_ids: Mapping[str, str]) -> "Statement":
    """What is said of a trained model, from the digests of what it was made from."""
    from facepipe.provenance.statement import TRAINED_DATA, Statement

    records = ("consent", *(f"{side}_consent" for side in consent_ids))
    return Statement(
        asset=key,
        action="c2pa.created",
        digital_source_type=TRAINED_DATA,
        ingredients={name: digest for name, digest in inputs.items() if name not in records},
        consent_ids=consent_ids,
    )


def _of_film(out: Path, key: str) -> "Statement":
    """What is said of a swapped film, from the manifest beside it; identities are numbered."""
    from facepipe.provenance.digests import digest_of_digests
    from facepipe.provenance.statement import COMPOSITE, COMPOSITE_WITH_MODEL, Statement
    from facepipe.swapping.manifest import SwapManifest

    manifest = SwapManifest.load(out / "manifest.json")
    sources = {source.name: source.sha256 for source in manifest.sources}
    media = sources.popitem()[1] if len(sources) == 1 else digest_of_digests(sources)
    return Statement(
        asset=key,
        action="c2pa.edited",
        digital_source_type=COMPOSITE_WITH_MODEL if manifest.models else COMPOSITE,
        models=sorted({model.sha256 for model in manifest.models.values()}),
        ingredients={"target media": media, **_numbered(manifest.inputs)},
        consent_ids=_numbered(manifest.consent_ids),
    )


def _numbered(told: Mapping[str, str]) -> dict[str, str]:
    """The same with `profile@ada` as `profile 1`: a film tells nobody's name."""
    names = sorted({name.partition("@")[2] for name in told if "@" in name})
    place = {name: f" {number}" for number, name in enumerate(names, 1)}
    parts = {name: name.partition("@") for name in told}
    return {what + place.get(who, ""): told[name] for name, (what, _, who) in parts.items()}


def _consent_ids(store: "Store", key: str, partition: str) -> dict[str, str]:
    """The records that an asset is made under, by side."""
    from facepipe.defs.inputs import CONSENT_FILE
    from facepipe.provenance.consent import read_consent

    return {
        side: read_consent(store.input_folder(side, name) / CONSENT_FILE).id
        for side, name in sides_of(key, partition)
    }


def _found(folder: Path, patterns: tuple[str, ...]) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.glob(pattern))
