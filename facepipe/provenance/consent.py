"""The consent record of one person: who allowed what, of which media, until when.

A record covers media by their content, so a file that was exchanged, cut or re-encoded is not
covered, whatever its name. The record may carry a signature, which is kept and not verified.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self, TypedDict, Unpack

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

Use = Literal["train", "swap", "publish"]
"""What a person can allow: learning from the media, making swaps, showing them to others."""
_NAMED_FILES = 3
_SHOWN_CHARACTERS = 60


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the calendar") from error


Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^\S([^\r\n]*\S)?$")]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
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
        signature: Theirs, in any form.
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
    signature: Annotated[str, Field(max_length=20_000)] | None = None
    revoked_at: Moment | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.expires_at <= self.granted_at:
            raise ValueError("expires_at must be later than granted_at")
        return self

    @property
    def id(self) -> str:
        """Sixteen hex digits that name what was granted; signing or revoking keeps them."""
        content = self.model_dump(mode="json", exclude={"signature", "revoked_at"})
        return hashlib.sha256(canonical_json(content)).hexdigest()[:16]


class Grant(TypedDict):
    """The keywords of `new_consent`, as the fields of `Consent`."""

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
    scope, digests = dict.fromkeys(grant["scope"]), dict.fromkeys(_digests(media))
    try:
        return Consent.model_validate({**grant, "scope": tuple(scope), "media": tuple(digests)})
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


def revoke(consent: Consent, at: datetime) -> Consent:
    """The same record, taken back from `at` on; what was revoked before stays so.

    Raises:
        BadInputError: `at` has no time zone.
    """
    if at.tzinfo is None:
        raise BadInputError(f"revocation at {at}: the time needs a time zone")
    earlier = consent.revoked_at or _in_utc(at)
    return consent.model_copy(update={"revoked_at": min(earlier, _in_utc(at))})


def check_consent(
    consent: Consent, media_digests: Mapping[str, str], use: str, now: datetime
) -> None:
    """Pass silently if `use` of all files in `media_digests` (name → SHA-256) is allowed `now`.

    Raises:
        ConsentError: Revoked, not yet or no longer valid, for another use, or of other media.
    """
    who = f"consent {consent.id} of {consent.subject}"
    ask = f"ask {consent.contact or consent.granted_by}"
    if consent.revoked_at is not None:
        raise ConsentError(
            f"{who} was revoked on {consent.revoked_at:%Y-%m-%d}; delete what was made from it "
            f"with `facepipe consent revoke`, or {ask} for a new one"
        )
    if now < consent.granted_at:
        raise ConsentError(f"{who} holds only from {consent.granted_at.isoformat()} on")
    if now >= consent.expires_at:
        raise ConsentError(f"{who} expired on {consent.expires_at:%Y-%m-%d}; {ask} for a new one")
    if use not in consent.scope:
        raise ConsentError(
            f"{who} allows {', '.join(consent.scope)} but not {use}; "
            f"{ask} for a record whose scope includes {use}"
        )
    covered = set(consent.media)
    uncovered = sorted(name for name, digest in media_digests.items() if digest not in covered)
    if uncovered:
        raise ConsentError(
            f"{who} does not cover {_listed(uncovered)} (by content); remove what is not covered, "
            f"or {ask} for a record over it"
        )


def _digests(media: Sequence[Path]) -> list[str]:
    digests: list[str] = []
    for path in media:
        if not path.exists():
            raise MediaError(f"{path}: no such file or folder")
        digests += folder_digests(path).values() if path.is_dir() else [sha256_of(path)]
    return digests


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    message = " ".join(problem["msg"].split())
    came = repr(problem["input"])[:_SHOWN_CHARACTERS]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place or 'the record'} is wrong: {message}, got {came}{more}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_FILES])
    left = len(names) - _NAMED_FILES
    return f"{shown} and {left} more" if left > 0 else shown
