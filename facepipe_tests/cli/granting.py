"""Consent records for the pictures of an input folder, and what a command left behind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from facepipe.provenance.consent import new_consent, revoke, write_consent

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def grant(folder: Path, scope=("train", "swap"), *, revoked=False, contact="nobody"):
    """Write a consent record over the pictures of an input folder."""
    consent = new_consent(
        subject="somebody",
        granted_by="somebody",
        scope=list(scope),
        expires_at=NOW + timedelta(days=36500),
        media=sorted(folder.glob("*.png")),
        contact=contact,
        granted_at=NOW,
    )
    write_consent(revoke(consent, NOW) if revoked else consent, folder / "consent.json")


def written(folder: Path) -> set[str]:
    """Every file below, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
