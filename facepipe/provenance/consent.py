"""The consent record: who agreed to what, for which files, until when."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from facepipe.errors import BadInputError, ConsentError, MediaError
from facepipe.files import sha256_of, write_whole

Use = Literal["train", "swap", "publish"]
USES: tuple[Use, ...] = ("train", "swap", "publish")
Sha256 = Annotated[str, pydantic.StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Named = Annotated[str, pydantic.StringConstraints(min_length=1, max_length=200)]


class Consent(pydantic.BaseModel):
    """What a person, or who speaks for them, has agreed to.

    Attributes:
        subject: Who is shown.
        granted_by: Who agreed: the subject, or who speaks for them.
        granted_at: From when on.
        expires_at: Until when.
        scope: `train` a model, `swap` a face, `publish` the result.
        media: SHA-256 of every file covered.
        contact: How to reach who agreed.
        signature: Of who agreed, if signed.
        revoked_at: When the consent was taken back, if it was.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    subject: Named
    granted_by: Named
    granted_at: pydantic.AwareDatetime
    expires_at: pydantic.AwareDatetime
    scope: Annotated[list[Use], pydantic.Field(min_length=1)]
    media: Annotated[list[Sha256], pydantic.Field(min_length=1)]
    contact: str = ""
    signature: str | None = None
    revoked_at: pydantic.AwareDatetime | None = None

    @property
    def id(self) -> str:
        """16 hex digits that stand for this record, whatever its layout in the file."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def new_consent(  # noqa: PLR0913  the fields of the record, each by name
    *,
    subject: str,
    granted_by: str,
    scope: Sequence[str],
    expires_at: datetime,
    media: Sequence[Path],
    contact: str,
    granted_at: datetime,
) -> Consent:
    """A record that covers the files as they are now.

    Raises:
        MediaError: A file is missing.
        BadInputError: A field cannot be used.
    """
    missing = [path for path in media if not path.is_file()]
    if missing:
        raise MediaError(f"{missing[0]}: no such file; consent must name files that exist")
    if expires_at <= granted_at:
        raise BadInputError(
            f"consent would expire at {expires_at.isoformat()}, before it is granted "
            f"({granted_at.isoformat()}); give a later day"
        )
    try:
        return Consent(
            subject=subject,
            granted_by=granted_by,
            granted_at=granted_at,
            expires_at=expires_at,
            scope=list(dict.fromkeys(scope)),  # pyright: ignore[reportArgumentType]  checked here
            media=sorted({sha256_of(path) for path in media}),
            contact=contact,
        )
    except pydantic.ValidationError as error:
        raise BadInputError(f"consent record: {_first(error)}") from error


def write_consent(consent: Consent, path: Path) -> None:
    """Write a record as JSON, whole or not at all."""
    write_whole(path, consent.model_dump_json(indent=1) + "\n")


def read_consent(path: Path) -> Consent:
    """Read a record.

    Raises:
        ConsentError: There is none.
        BadInputError: It is not JSON, or a field is missing, unknown or malformed.
    """
    try:
        return Consent.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ConsentError(f"{path}: no consent record; make one: facepipe consent new") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read: {error}") from error
    except pydantic.ValidationError as error:
        raise BadInputError(f"{path}: not a consent record: {_first(error)}") from error


def check_consent(
    consent: Consent, media_digests: Mapping[str, str], use: str, now: datetime
) -> None:
    """Pass silently if the record allows `use` of all these media at `now`.

    Args:
        consent: The record.
        media_digests: SHA-256 by file name.
        use: `train`, `swap` or `publish`.
        now: The time, with its zone.

    Raises:
        ConsentError: Revoked, not yet or no longer in force, another use, or other media.
    """
    who = f"consent of {consent.subject!r}"
    if consent.revoked_at is not None:
        raise ConsentError(f"{who} was revoked at {consent.revoked_at.isoformat()}")
    if now < consent.granted_at:
        raise ConsentError(f"{who} is in force only from {consent.granted_at.isoformat()}")
    if now > consent.expires_at:
        raise ConsentError(f"{who} expired at {consent.expires_at.isoformat()}; ask for a new one")
    if use not in consent.scope:
        raise ConsentError(
            f"{who} covers {', '.join(consent.scope)}, but not {use!r}, which this needs"
        )
    outside = sorted(name for name, digest in media_digests.items() if digest not in consent.media)
    if outside:
        more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
        raise ConsentError(
            f"{who} does not cover {', '.join(outside[:3])}{more}: remove them, or renew the record"
        )


def _first(error: pydantic.ValidationError) -> str:
    flaw = error.errors()[0]
    where = ".".join(str(part) for part in flaw["loc"])
    return f"{where}: {flaw['msg']}" if where else str(flaw["msg"])
