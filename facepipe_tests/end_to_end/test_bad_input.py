"""Every bad input ends with its exit code and one line, and leaves what was there."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.provenance.consent import new_consent, write_consent
from facepipe.synthetic.clips import write_clip
from facepipe.synthetic.scene import Clip

pytestmark = pytest.mark.slow
add_commands()
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path, monkeypatch, landmark_model) -> Path:
    """A data root of its own, with the landmark model."""
    root = tmp_path / "data"
    root.mkdir()
    (root / "models").symlink_to(landmark_model)
    monkeypatch.setenv("FACEPIPE_DATA", str(root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def fails(capsys):
    """Run a command in this process and return the one line it failed with."""

    def run(code, *arguments):
        capsys.readouterr()
        assert exit_code_of([str(argument) for argument in arguments]) == code
        lines = capsys.readouterr().err.strip().splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1, lines
        assert lines[-1] == errors[0]
        return errors[0]

    return run


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


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "folder of text"])
def test_a_file_that_is_no_media_is_refused_and_nothing_is_added(root, fails, tmp_path, kind):
    path = tmp_path / "clip.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "truncated":
        clip(path, frames=30)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "text":
        path.write_text("not a video at all " * 100)
    elif kind == "folder of text":
        path = tmp_path / "folder"
        path.mkdir()
        (path / "notes.txt").write_text("hello")
    consent = record(tmp_path / "c.json", noise(tmp_path / "other.png"))
    before = files_in(root)
    assert fails(2, "add", "identity", "alice", path, "--consent", consent)
    assert files_in(root) == before


@pytest.mark.parametrize("name", ["..", "a/b", "/etc/x", "a|b", "Alice", "", "x" * 64])
def test_a_name_outside_the_pattern_is_refused(root, fails, tmp_path, name):
    picture = noise(tmp_path / "a.png")
    before = files_in(root)
    line = fails(2, "add", "identity", name, picture, "--consent", record(tmp_path / "c", picture))
    assert "[a-z0-9][a-z0-9_-]{0,62}" in line
    assert files_in(root) == before
    assert fails(2, "run", name, "clip")


def added(root, side, name, *media):
    consent = record(root.parent / f"{name}.json", *media)
    assert exit_code_of(["add", side, name, *map(str, media), "--consent", str(consent)]) == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "clip"], "identity 'nobody' is unknown; known: alice"),
        (["alice", "nothing"], "target 'nothing' is unknown"),
        (["alice", "clip", "--preset", "best"], "known: quick, production, maximum"),
        (["alice", "clip", "--set", "pair/lora.rank=4"], "unknown key 'pair/lora'"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.ranks=4"], "unknown option 'ranks'"),
        (["alice", "clip", "--set", "rank=4"], "give KEY.OPTION=VALUE"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.rank=many"], "valid integer"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.rank=0"], "rank is 0"),
        (["alice", "clip", "--set", "identity/frames.max_frames=0"], "max_frames is 0"),
        (["alice", "clip", "--set", "pair/swapped_video.crf=99"], "crf is 99"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.l1=nan"], "l1 is nan"),
        (["alice", "clip", "--device", "abacus"], "abacus"),
        (["alice"], "target"),
        (["alice", "clip", "--nonsense"], "--nonsense"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_named(root, fails, tmp_path, arguments, said):
    added(root, "identity", "alice", noise(tmp_path / "a.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    assert said in fails(2, "run", *arguments)
    assert not (root / "assets").exists()


def test_a_video_without_a_face_is_refused_by_name(root, fails, tmp_path):
    added(root, "identity", "alice", noise(tmp_path / "wall.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    assert "wall.png" in fails(2, "run", "alice", "clip")
    assert not (root / "assets" / "identity" / "faces").exists()


def test_fewer_than_three_faces_are_refused_with_their_count(root, fails, tmp_path):
    added(root, "identity", "alice", clip(tmp_path / "short.mp4", frames=2))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    assert "3" in fails(2, "run", "alice", "clip")


def test_two_equally_frequent_people_are_refused_as_an_identity(root, fails, tmp_path):
    added(root, "identity", "alice", clip(tmp_path / "two.mp4", seeds=(6, 43), frames=12, size=320))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    line = fails(2, "run", "alice", "clip")
    assert "two.mp4" in line
    assert "2 people" in line


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


def test_a_relative_dagster_home_is_refused_before_anything_is_changed(
    root, fails, tmp_path, monkeypatch
):
    picture = noise(tmp_path / "a.png")
    consent = record(tmp_path / "c.json", picture)
    added(root, "target", "clip", picture)
    before = files_in(root)
    monkeypatch.setenv("DAGSTER_HOME", "home")
    for arguments in (
        ["status"],
        ["add", "identity", "alice", picture, "--consent", consent],
        ["remove", "target", "clip", "--yes"],
    ):
        assert "must be an absolute path" in fails(2, *arguments)
    assert files_in(root) == before


def test_a_name_that_holds_other_media_is_not_overwritten_unless_asked(root, fails, tmp_path):
    added(root, "identity", "alice", noise(tmp_path / "a.png"))
    other = clip(tmp_path / "other.mp4")
    consent = record(tmp_path / "c.json", other)
    before = files_in(root)
    line = fails(2, "add", "identity", "alice", other, "--consent", consent)
    assert "--replace" in line
    assert files_in(root) == before
    command = ["add", "identity", "alice", str(other), "--consent", str(consent), "--replace"]
    assert exit_code_of(command) == 0
    assert (root / "identities" / "alice" / "other.mp4").is_file()


def test_scope_that_a_later_step_needs_is_asked_for_before_the_first(root, fails, tmp_path):
    picture = noise(tmp_path / "a.png")
    consent = record(tmp_path / "c.json", picture, scope=("swap",))
    added(root, "identity", "alice", noise(tmp_path / "b.png"))
    command = ["add", "target", "clip", str(picture), "--consent", str(consent)]
    assert exit_code_of(command) == 0
    assert "train" in fails(3, "run", "alice", "clip")
    assert not (root / "assets").exists()


def test_a_data_root_that_cannot_be_written_is_named(root, fails, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_DATA", "/sys/facepipe")
    picture = noise(tmp_path / "a.png")
    consent = record(tmp_path / "c.json", picture)
    assert "/sys/facepipe" in fails(2, "add", "identity", "alice", picture, "--consent", consent)


def test_a_full_disk_is_said_and_leaves_no_half_input(root, fails, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", small])
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        monkeypatch.setenv("FACEPIPE_DATA", str(small))
        big = clip(tmp_path / "big.mp4", size=320, frames=30)
        assert big.stat().st_size > 65_536
        consent = record(tmp_path / "c.json", big)
        assert "No space left" in fails(2, "add", "identity", "alice", big, "--consent", consent)
        assert not (small / "identities").exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_landmark_model_that_cannot_be_had_is_one_line(root, fails, tmp_path, monkeypatch):
    (root / "models").unlink()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    line = fails(2, "models", "fetch", "face_landmarker")
    assert "face_landmarker" in line
    assert not list((root / "models").glob("*.task"))
