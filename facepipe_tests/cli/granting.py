"""Consent records for the pictures of an input folder, and what a command left behind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image

from facepipe.defs.storage import Store
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


def put_in(store: Store, **people: str) -> None:
    """A picture and a record over it for each person, as `identity="ann", target="bob"`."""
    for side, name in people.items():
        folder = store.input_folder(side, name)
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64)).save(folder / "a.png")
        grant(folder)


FLAWS = ("no swap", "no train", "revoked", "gone", "other media")


def spoil(folder: Path, flaw: str) -> None:
    """Leave an input folder of one picture, `a.png`, without what lets a model leave."""
    match flaw:
        case "no swap":
            grant(folder, scope=("train", "publish"))
        case "no train":
            grant(folder, scope=("swap", "publish"))
        case "revoked":
            grant(folder, revoked=True)
        case "gone":
            (folder / "consent.json").unlink()
        case _:
            Image.new("RGB", (64, 64), (0, 99, 0)).save(folder / "a.png")


def written(folder: Path) -> set[str]:
    """Every file below, hidden ones too."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
