"""Without a record that covers the media and their use nothing is added and nothing is run."""

from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from facepipe.cli.app import exit_code_of
from facepipe_tests.end_to_end.inputs import added, clip, noise, record

pytestmark = pytest.mark.slow


def test_without_consent_nothing_is_added(root, fails, tmp_path):
    picture = noise(tmp_path / "a.png")
    assert fails(3, "add", "identity", "alice", picture, "--consent", tmp_path / "none.json")
    assert not (root / "identities").exists()


@pytest.mark.parametrize("flaw", ["expired", "other media", "other scope"])
def test_a_record_that_does_not_cover_this_is_refused(root, fails, tmp_path, flaw):
    picture, other = noise(tmp_path / "a.png"), clip(tmp_path / "other.mp4")
    consent = record(
        tmp_path / "c.json",
        other if flaw == "other media" else picture,
        scope=("publish",) if flaw == "other scope" else ("train", "swap"),
        expires=timedelta(days=1) if flaw == "expired" else timedelta(days=36500),
    )
    line = fails(3, "add", "identity", "alice", picture, "--consent", consent)
    assert {"expired": "expired", "other media": "a.png", "other scope": "train"}[flaw] in line
    assert not (root / "identities").exists()


@pytest.mark.parametrize("flaw", ["removed", "expired", "media changed"])
def test_consent_lost_after_adding_stops_every_later_run(root, fails, tmp_path, flaw):
    picture = noise(tmp_path / "a.png")
    added(root, "identity", "alice", picture)
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    folder = root / "identities" / "alice"
    if flaw == "removed":
        (folder / "consent.json").unlink()
    elif flaw == "expired":
        record(folder / "consent.json", picture, expires=timedelta(days=1))
    else:
        Image.fromarray(np.zeros((96, 96, 3), np.uint8)).save(folder / "a.png")
    assert fails(3, "run", "alice", "clip")
    assert not (root / "assets").exists()


def test_a_damaged_consent_record_is_one_line(root, fails, tmp_path):
    (tmp_path / "c.json").write_text('{"subject": 3}')
    fails(2, "consent", "check", tmp_path / "c.json")


def test_scope_that_a_later_step_needs_is_asked_for_before_the_first(root, fails, tmp_path):
    picture = noise(tmp_path / "a.png")
    consent = record(tmp_path / "c.json", picture, scope=("swap",))
    added(root, "identity", "alice", noise(tmp_path / "b.png"))
    command = ["add", "target", "clip", str(picture), "--consent", str(consent)]
    assert exit_code_of(command) == 0
    assert "train" in fails(3, "run", "alice", "clip")
    assert not (root / "assets").exists()
