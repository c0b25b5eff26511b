"""Digests follow contents and names, and nothing else."""

import hashlib

import pytest

from facepipe.errors import MediaError
from facepipe.provenance.digests import canonical_json, digest_of_digests, folder_digests


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
