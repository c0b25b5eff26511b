"""Digests follow contents and names, and nothing else."""

import hashlib
import os
import time

import pytest

from facepipe.errors import MediaError
from facepipe.files import sha256_of
from facepipe.provenance import digests
from facepipe.provenance.digests import (
    canonical_json,
    digest_of_digests,
    file_digest,
    folder_digests,
)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.mp4", "consent.json", ".hidden"):
        (tmp_path / name).write_text(name)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "m.png").write_text("mask")
    return tmp_path


def test_media_are_hashed_by_content_and_nothing_else_is(folder):
    wanted = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.mp4", "b.png")}
    assert folder_digests(folder) == wanted


def test_one_changed_byte_changes_the_digest(folder):
    before = digest_of_digests(folder_digests(folder))
    (folder / "a.mp4").write_text("a.mp5")
    assert digest_of_digests(folder_digests(folder)) != before


def test_a_changed_name_changes_the_digest(folder):
    before = digest_of_digests(folder_digests(folder))
    (folder / "a.mp4").rename(folder / "c.mp4")
    assert digest_of_digests(folder_digests(folder)) != before


def test_the_order_of_names_does_not_matter(folder):
    digests = folder_digests(folder)
    assert digest_of_digests(dict(reversed(digests.items()))) == digest_of_digests(digests)


def test_names_cannot_be_confused_with_digests():
    assert digest_of_digests({"a": "b", "c": "d"}) != digest_of_digests({"a": 'b","c":"d'})


def test_canonical_json_keeps_letters_and_sorts_keys():
    assert canonical_json({"z": "ü", "a": None}) == '{"a":null,"z":"ü"}'.encode()


def test_a_folder_without_media_is_refused(tmp_path):
    (tmp_path / "consent.json").write_text("{}")
    with pytest.raises(MediaError, match="holds no media"):
        folder_digests(tmp_path)
    with pytest.raises(MediaError, match="no such folder"):
        folder_digests(tmp_path / "missing")


@pytest.fixture
def read(monkeypatch):
    """The names of the files that are read, in their order."""
    names = []

    def reading(path):
        names.append(path.name)
        return sha256_of(path)

    monkeypatch.setattr(digests, "sha256_of", reading)
    return names


@pytest.fixture
def a_minute_later(monkeypatch):
    now_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now_ns() + 60_000_000_000)


def test_a_file_is_read_once_however_often_it_is_asked_for(folder, read, a_minute_later):
    first = folder_digests(folder)
    assert folder_digests(folder) == first
    assert sorted(read) == ["a.mp4", "b.png"]


def test_a_file_that_changed_just_now_is_read_each_time(folder, read):
    file_digest(folder / "a.mp4")
    file_digest(folder / "a.mp4")
    assert read == ["a.mp4", "a.mp4"]


@pytest.mark.parametrize("how", ["written over", "exchanged", "written over with its old time"])
def test_a_changed_file_of_the_same_size_is_read_again(folder, a_minute_later, how):
    path = folder / "a.mp4"
    times = path.stat()
    before = file_digest(path)
    if how == "exchanged":
        (folder / "new").write_text("a.mp5")
        (folder / "new").replace(path)
    else:
        time.sleep(0.02)  # beyond one tick of a coarse clock
        path.write_text("a.mp5")
    if how == "written over with its old time":
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert file_digest(path) == hashlib.sha256(b"a.mp5").hexdigest() != before
