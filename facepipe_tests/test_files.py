"""A file is whole or absent."""

from pathlib import Path

import pytest

from facepipe.errors import StorageError
from facepipe.files import sha256_of, storage_errors, whole_file, write_whole


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
