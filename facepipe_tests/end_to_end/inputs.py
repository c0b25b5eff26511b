"""Media and records to add, good and bad."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from facepipe.cli.app import exit_code_of
from facepipe.provenance.consent import new_consent, write_consent
from facepipe.synthetic.clips import write_clip
from facepipe.synthetic.scene import Clip

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def working_in(folder, models):
    """A data root in a folder, with the landmark model, which commands of this process work on."""
    root = folder / "data"
    root.mkdir()
    (root / "models").symlink_to(models)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACEPIPE_DATA", str(root))
        patch.delenv("DAGSTER_HOME", raising=False)
        patch.chdir(folder)
        yield root


def record(path, *media, scope=("train", "swap"), expires=timedelta(days=36500)):
    """Write a consent record that covers `media`."""
    consent = new_consent(
        subject="somebody",
        granted_by="somebody",
        scope=list(scope),
        expires_at=NOW + expires,
        media=list(media),
        contact="nobody",
        granted_at=NOW,
    )
    write_consent(consent, path)
    return path


def files_in(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if ".dagster" not in p.parts)


def clip(path, **options):
    write_clip(Clip(**{"seeds": (6,), "size": 192, "frames": 8, "fps": 25.0, **options}), path)
    return path


def noise(path, count=1):
    pixels = np.random.default_rng(3).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def added(root, side, name, *media):
    consent = record(root.parent / f"{name}.json", *media)
    assert exit_code_of(["add", side, name, *map(str, media), "--consent", str(consent)]) == 0
