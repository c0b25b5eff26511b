"""A disk, a folder or a package index that cannot be used is named, and nothing is left half."""

import subprocess

import pytest

from facepipe_tests.end_to_end.inputs import added, clip, files_in, noise, record

pytestmark = pytest.mark.slow


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
