"""The consent record of one person: who allowed what, of which media, until when.

A record covers media by their content, so a file that was exchanged, cut or re-encoded is not
covered, whatever its name. The record may be signed; a signature is checked at every use.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, NotRequired, Self, TypedDict, Unpack

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from facepipe.errors import BadInputError, ConsentError, MediaError
from facepipe.files import sha256_of, write_whole
from facepipe.provenance.digests import canonical_json, folder_digests
from facepipe.provenance.signatures import Signature, signed
from facepipe.settings import NAME_PATTERN

Use = Literal["train", "swap", "publish"]
"""What a person can allow: learning from the media, making swaps, showing them to others."""
_SHOWN_CHARACTERS = 60


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the calendar") from error


Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^\S([^\r\n]*\S)?$")]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Name = Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Consent(BaseModel):
    """What one person allowed.

    Attributes:
        subject: Whose face it is.
        granted_by: Who allowed it: the person, or who may speak for them.
        granted_at: From when it holds, with time zone.
        expires_at: When it ends, with time zone.
        scope: What is allowed; never empty.
        media: SHA-256 of every file it covers; never empty.
        contact: How to reach who allowed it; may be empty.
        only_with: Names of the targets (in an identity's record) or identities (in a target's) that
            it may be combined with; empty: any.
        retention_days: Days after `granted_at` when what was made is to be deleted, if that is
            before `expires_at`.
        signature: Of all of this but what follows, by who allowed it.
        revoked_at: When it was taken back, if it was.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    subject: Line
    granted_by: Line
    granted_at: Moment
    expires_at: Moment
    scope: Annotated[tuple[Use, ...], Field(min_length=1)]
    media: Annotated[tuple[Sha256, ...], Field(min_length=1)]
    contact: Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\r\n]*$")]
    only_with: tuple[Name, ...] = ()
    retention_days: Annotated[int, Field(ge=1, le=36500)] | None = None
    signature: Signature | None = None
    revoked_at: Moment | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.expires_at <= self.granted_at:
            raise ValueError("expires_at must be later than granted_at")
        return self

    @property
    def id(self) -> str:
        """Sixteen hex digits that name what was granted; signing or revoking keeps them."""
        return hashlib.sha256(self.content).hexdigest()[:16]

    @property
    def content(self) -> bytes:
        """What was granted, as it is signed; what is left open does not stand in it."""
        fields = self.model_dump(mode="json", exclude={"signature", "revoked_at"})
        return canonical_json(
            {name: value for name, value in fields.items() if value not in (None, [])}
        )

    @property
    def ends_at(self) -> datetime:
        """When what was made from the media has to be gone."""
        kept = timedelta(days=self.retention_days or 0)
        return min(self.granted_at + kept, self.expires_at) if kept else self.expires_at


class Grant(TypedDict):
    """The keywords of `new_consent`, as the fields of `Consent`."""

    only_with: NotRequired[Sequence[str]]
    retention_days: NotRequired[int | None]

    subject: str
    granted_by: str
    scope: Sequence[str]
    granted_at: datetime
    expires_at: datetime
    contact: str


def new_consent(media: Sequence[Path], **grant: Unpack[Grant]) -> Consent:
    """A record over the contents of `media`: files, and folders with all media in them.

    Raises:
        BadInputError: A field is not as `Consent` wants it.
        MediaError: A path does not exist.
    """
    lists = {
        "scope": dict.fromkeys(grant["scope"]),
        "only_with": dict.fromkeys(grant.get("only_with", ())),
        "media": dict.fromkeys(_digests(media)),
    }
    try:
        return Consent.model_validate(
            {**grant, **{name: tuple(values) for name, values in lists.items()}}
        )
    except ValidationError as error:
        raise BadInputError(f"consent: {_first_problem(error)}") from error


def read_consent(path: Path) -> Consent:
    """Read and check a record.

    Raises:
        ConsentError: There is no record.
        BadInputError: It cannot be read, or a field is missing, unknown, or wrong.
    """
    if not path.exists():
        raise ConsentError(
            f"{path}: no consent record; make one with `facepipe consent new ... -o {path.name}`"
        )
    try:
        return Consent.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise BadInputError(f"{path}: {_first_problem(error)}") from error


def write_consent(consent: Consent, path: Path) -> None:
    """Write a record so that `read_consent` gives it back; equal records give equal bytes.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    write_whole(path, canonical_json(consent.model_dump(mode="json")) + b"\n")


def sign(consent: Consent, key: Ed25519PrivateKey) -> Consent:
    """The same record, signed with `key`."""
    return consent.model_copy(update={"signature": signed(consent.content, key)})


def revoke(consent: Consent, at: datetime) -> Consent:
    """The same record, taken back from `at` on; what was revoked before stays so.

    Raises:
        BadInputError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise BadInputError(f"revocation at {at}: the time needs a time zone")
    earlier = consent.revoked_at or _in_utc(at)
    return consent.model_copy(update={"revoked_at": min(earlier, _in_utc(at))})


def _digests(media: Sequence[Path]) -> list[str]:
    digests: list[str] = []
    for path in media:
        if not path.exists():
            raise MediaError(f"{path}: no such file or folder")
        digests += folder_digests(path).values() if path.is_dir() else [sha256_of(path)]
    return digests


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    place = " ".join(".".join(str(part) for part in problem["loc"]).split())
    message = " ".join(problem["msg"].split())
    came = repr(problem["input"])[:_SHOWN_CHARACTERS]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place or 'the record'} is wrong: {message}, got {came}{more}"
