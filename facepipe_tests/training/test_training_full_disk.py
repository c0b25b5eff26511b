"""A training on a disk that is really full: one error, nothing lost, and with room it goes on."""

import errno
import subprocess
from pathlib import Path

import pytest

from facepipe.errors import StoppedError, StorageError
from facepipe_tests.training.conftest import same_result, stop_after


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", place])
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(disk: Path, leaving: int) -> Path:
    """Put a file on a disk that leaves so many bytes free."""
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(64 * 2**20 - leaving))
    return ballast


@pytest.mark.parametrize("share", [0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85])
def test_with_room_for_a_part_of_it_a_training_stops_in_one_line_and_goes_on_with_more(
    make_run, base, small_disk, share
):
    run = make_run(small_disk)
    needed = 2 * sum(path.stat().st_size for path in base.rglob("*") if path.is_file())
    ballast = fill(small_disk, leaving=int(share * needed))
    with pytest.raises(StorageError, match="No space left") as refusal:
        run("full")
    assert "free space" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    ballast.unlink()
    summary, out = run("full")
    assert not summary.notes
    assert same_result(out, base)


def test_a_disk_that_fills_up_while_a_state_is_written_keeps_the_state_before(
    run, base, tmp_path, monkeypatch
):
    with pytest.raises(StoppedError):
        run("full", stop=stop_after(4))
    states = tmp_path / "full" / "scratch" / "state"
    before = {path: path.read_bytes() for path in states.rglob("*") if path.is_file()}
    whole = Path.write_bytes

    def half(path, content):
        if "tensors" not in path.name:
            return whole(path, content)
        whole(path, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(StorageError, match=r"state.* \(No space left on device\); free space"):
        run("full")
    assert {path: path.read_bytes() for path in states.rglob("*") if path.is_file()} == before
    monkeypatch.undo()
    summary, out = run("full")
    assert not summary.notes
    assert same_result(out, base)
