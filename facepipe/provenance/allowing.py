"""What a consent record allows: when, of which media, for what, with whom, and by whose word."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from facepipe.errors import ConsentError
from facepipe.provenance.consent import Consent
from facepipe.provenance.signatures import check_signature

_NAMED_FILES = 3


def check_consent(
    consent: Consent, media_digests: Mapping[str, str], use: str, now: datetime
) -> None:
    """Pass silently if `use` of all files in `media_digests` (name → SHA-256) is allowed `now`.

    Raises:
        ConsentError: Wrongly signed, revoked, not yet or no longer valid, for another use, or of
            other media.
    """
    who = f"consent {consent.id} of {consent.subject}"
    if consent.signature is not None:
        check_signature(consent.content, consent.signature, who)
    ask = f"ask {consent.contact or consent.granted_by}"
    if consent.revoked_at is not None:
        raise ConsentError(
            f"{who} was revoked on {consent.revoked_at:%Y-%m-%d}; delete what was made from it "
            f"with `facepipe consent revoke`, or {ask} for a new one"
        )
    _check_time(consent, who, ask, now)
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


def check_company(consent: Consent, other: str) -> None:
    """Pass silently if the media may be combined with those named `other`.

    Raises:
        ConsentError: The record names others only.
    """
    if consent.only_with and other not in consent.only_with:
        raise ConsentError(
            f"consent {consent.id} of {consent.subject} is for {', '.join(consent.only_with)} "
            f"only, not for {other}; ask {consent.contact or consent.granted_by} for a wider one"
        )


def check_signer(consent: Consent, accepted: Collection[str]) -> None:
    """Pass silently if the record is signed by one of the keys `accepted`, by fingerprint.

    No key at all accepts unsigned records; `any` accepts every signed one.

    Raises:
        ConsentError: It is not signed, or by another key.
    """
    if not accepted or (consent.signature and "any" in accepted):
        return
    who = f"consent {consent.id} of {consent.subject}"
    if consent.signature is None:
        raise ConsentError(
            f"{who} is not signed, and FACEPIPE_CONSENT_KEYS wants a signature; have it signed: "
            f"facepipe consent sign FILE --key KEY"
        )
    if consent.signature.fingerprint not in accepted:
        raise ConsentError(
            f"{who} is signed by key {consent.signature.fingerprint}, which is not among those in "
            f"FACEPIPE_CONSENT_KEYS"
        )


def _check_time(consent: Consent, who: str, ask: str, now: datetime) -> None:
    if now < consent.granted_at:
        raise ConsentError(f"{who} holds only from {consent.granted_at.isoformat()} on")
    if now >= consent.expires_at:
        raise ConsentError(f"{who} expired on {consent.expires_at:%Y-%m-%d}; {ask} for a new one")
    if now >= consent.ends_at:
        raise ConsentError(
            f"{who} ended on {consent.ends_at:%Y-%m-%d}, {consent.retention_days} days after it "
            f"was granted; {ask} for a new one"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED_FILES])
    left = len(names) - _NAMED_FILES
    return f"{shown} and {left} more" if left > 0 else shown
