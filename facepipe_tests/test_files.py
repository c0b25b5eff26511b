"""A file is whole or absent."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facepipe import files
from facepipe.errors import StorageError
from facepipe.files import sha256_of, storage_errors, whole_file, write_once, write_whole


def test_an_interrupted_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "before")

    def half_written():
        with whole_file(path) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_is_written_once_stays_and_is_its_owner_s_alone(tmp_path):
    write_once(tmp_path / "key", b"first")
    write_once(tmp_path / "key", b"second")
    assert (tmp_path / "key").read_bytes() == b"first"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["key"]


LEFT = """
import os, sys, time
from pathlib import Path
from facepipe.files import whole_file
with whole_file(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print(aside, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writing(tmp_path):
    """A process in the middle of writing `a.txt`, and the file it has aside."""
    command = [sys.executable, "-c", LEFT, str(tmp_path / "a.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        aside = Path(process.stdout.readline().strip())
        an_hour_ago = time.time() - 3600
        os.utime(aside, (an_hour_ago, an_hour_ago))
        yield process, aside
        process.kill()


@pytest.mark.parametrize("alive", [True, False])
def test_what_a_killed_process_left_aside_goes_and_what_a_living_one_writes_stays(
    writing, tmp_path, monkeypatch, alive
):
    monkeypatch.setattr(files, "_tidied", set())
    process, aside = writing
    if not alive:
        process.kill()
        process.wait()
    write_whole(tmp_path / "b.txt", "other")
    assert aside.exists() == alive


def test_all_is_on_disk_before_a_file_takes_its_name(tmp_path, monkeypatch):
    flushed: list[Path] = []
    monkeypatch.setattr(files, "flush_to_disk", lambda path: flushed.append(path))
    replace, before = Path.replace, list[list[Path]]()
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (before.append([*flushed]), replace(self, to))[1]
    )
    write_whole(tmp_path / "new" / "folder" / "a.txt", "x")
    (seen,) = before
    assert [path.parent.name for path in seen[-1:]] == ["folder"]  # the file itself
    assert seen[:2] == [tmp_path, tmp_path / "new"]  # the folders made for it
    assert flushed[-1] == tmp_path / "new" / "folder"


def test_the_suffix_is_kept_for_libraries_that_choose_a_format_by_it(tmp_path):
    with whole_file(tmp_path / "a.png") as aside:
        assert aside.suffix == ".png"


def test_a_full_disk_is_an_error_that_names_the_file():
    full = Path("/dev/full")
    with pytest.raises(StorageError, match=r"/dev/full.*No space left"), storage_errors(full):
        full.write_text("x")


def test_the_hash_is_sha256(tmp_path):
    (tmp_path / "empty").touch()
    assert sha256_of(tmp_path / "empty").startswith("e3b0c44298fc1c14")
