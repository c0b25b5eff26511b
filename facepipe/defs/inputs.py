"""What an asset may read: media that a valid consent covers, and the digests of both."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from facepipe.defs.partitions import Side, names_in
from facepipe.defs.storage import Store
from facepipe.defs.telling import DATA_VERSION, Artifact, newest_event
from facepipe.errors import ConsentError, MediaError
from facepipe.files import sha256_of
from facepipe.provenance.allowing import check_company, check_consent, check_signer
from facepipe.provenance.consent import Consent, read_consent
from facepipe.provenance.digests import digest_of_digests, folder_digests
from facepipe.provenance.tombstones import check_not_ended
from facepipe.settings import consent_keys

CONSENT_FILE = "consent.json"
USE: dict[Side, str] = {"identity": "train", "target": "swap"}
"""What each side's media must at least have been consented to."""


@dataclass(frozen=True)
class ConsentedMedia:
    """The media of one person or target, and the record that allows their use.

    Attributes:
        folder: Where they lie.
        digests: SHA-256 of each file, by name.
        consent: The record in force now.
    """

    folder: Path
    digests: dict[str, str]
    consent: Consent

    @property
    def paths(self) -> list[Path]:
        """The media files, by name."""
        return [self.folder / name for name in sorted(self.digests)]

    @property
    def digest(self) -> str:
        """One digest of all media, whatever the consent says."""
        return digest_of_digests(self.digests)


def consented_media(store: Store, side: Side, name: str, use: str) -> ConsentedMedia:
    """The media as they lie in the input folder now, if consent covers each of them for `use`.

    Every asset made from a face calls this, so that an expired or revoked record stops it even
    when the gate asset was passed earlier.

    Raises:
        ConsentError: No record, or one that is expired, revoked, or for other media or uses.
        MediaError: The folder is missing or holds no media.
    """
    folder = store.input_folder(side, name)
    if not folder.is_dir():
        raise MediaError(f"{side} {name!r} is unknown: {folder} does not exist; add it first")
    digests = media_digests(folder)
    if side == "target":
        _check_target(folder, digests)
    record = folder / CONSENT_FILE
    if not record.is_file():
        raise ConsentError(
            f"{side} {name!r} has no consent record: put one at {record}, "
            f"made by `facepipe consent new`"
        )
    consent = read_consent(record)
    check_signer(consent, consent_keys())
    check_consent(consent, digests, use, datetime.now(UTC))
    check_not_ended(consent, digests.values(), store.tombstones())
    return ConsentedMedia(folder, digests, consent)


@dataclass(frozen=True)
class ConsentedPair:
    """The consented media of both sides of a pair, and what was made from exactly these."""

    store: Store
    partition_key: str
    identity: ConsentedMedia
    target: ConsentedMedia

    @property
    def identity_name(self) -> str:
        """The identity's name."""
        return names_in(self.partition_key)[0]

    @property
    def target_name(self) -> str:
        """The target's name."""
        return names_in(self.partition_key)[1]

    @property
    def digest(self) -> str:
        """One digest of the media of both."""
        return digest_of_digests({"identity": self.identity.digest, "target": self.target.digest})

    @property
    def consent_ids(self) -> dict[str, str]:
        """The records in force, as recipes and lineage name them."""
        return {
            "identity_consent": self.identity.consent.id,
            "target_consent": self.target.consent.id,
        }

    def get(self, key: str) -> Artifact:
        """What was published under `key` for this pair, or for its side of it.

        Raises:
            NotBuiltError: Nothing yet, or only from other media.
        """
        partition, digest = {
            "identity": (self.identity_name, self.identity.digest),
            "target": (self.target_name, self.target.digest),
            "pair": (self.partition_key, self.digest),
        }[key.split("/")[0]]
        return self.store.get(key, partition, digest)


def consented_pair(store: Store, partition_key: str, use: str) -> ConsentedPair:
    """Both sides of a pair, if consent of each covers `use` with the other.

    Raises as `consented_media`.
    """
    identity, target = names_in(partition_key)
    pair = ConsentedPair(
        store,
        partition_key,
        consented_media(store, "identity", identity, use),
        consented_media(store, "target", target, use),
    )
    check_company(pair.identity.consent, target)
    check_company(pair.target.consent, identity)
    return pair


def media_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each media file of an input folder, by name.

    Raises:
        MediaError: There is no such folder, or it holds no media.
    """
    digests = folder_digests(folder)
    if not digests:
        raise MediaError(f"{folder}: holds no media; put pictures or videos of one person there")
    return digests


def input_event(store: Store, side: Side, name: str) -> dg.AssetMaterialization:
    """The event that tells Dagster which version of its input folder a partition has now.

    The version covers the media and the consent record.
    """
    folder = store.input_folder(side, name)
    digests = media_digests(folder)
    record = folder / CONSENT_FILE
    consent = {CONSENT_FILE: sha256_of(record)} if record.is_file() else {}
    return dg.AssetMaterialization(
        asset_key=[side, "media"],
        partition=name,
        tags={DATA_VERSION: digest_of_digests({**digests, **consent})},
        metadata={
            "files": len(digests),
            "bytes": sum((folder / file).stat().st_size for file in digests),
            "folder": dg.MetadataValue.path(str(folder)),
        },
    )


def is_reported(instance: dg.DagsterInstance, event: dg.AssetMaterialization) -> bool:
    """Whether Dagster knows this version of an input folder as the newest already."""
    last = newest_event(instance, event.asset_key, event.partition or "")
    version = (event.tags or {})[DATA_VERSION]
    return last is not None and (last.tags or {}).get(DATA_VERSION) == version


def _check_target(folder: Path, digests: dict[str, str]) -> None:
    from facepipe.media.probe import kind_of

    videos = [name for name in digests if kind_of(folder / name) == "video"]
    if len(videos) > 1 or (videos and len(digests) > 1):
        raise MediaError(
            f"{folder}: a target is one video or some images, but it holds {len(videos)} videos "
            f"({', '.join(videos[:3])}) and {len(digests) - len(videos)} images"
        )
