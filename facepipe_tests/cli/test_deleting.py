"""A consent is taken back by one command: it blocks, deletes, and tells what it cannot reach."""

import pytest
from PIL import Image

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe_tests.cli.granting import grant, written

add_commands()


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = tmp_path / "data"
    monkeypatch.setenv("FACEPIPE_DATA", str(root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    yield root
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture
def ada(tmp_path):
    """A folder of one picture with its record."""
    folder = tmp_path / "given"
    folder.mkdir()
    Image.new("RGB", (64, 64), (200, 9, 9)).save(folder / "a.png")
    grant(folder)
    return folder


def add(side, folder, name="ada"):
    record = str(folder / "consent.json")
    return exit_code_of(["add", side, name, str(folder), "--consent", record])


def test_after_a_revocation_the_same_record_is_refused_and_the_list_says_why(root, ada, capsys):
    assert add("identity", ada) == 0
    assert add("target", ada, "scene") == 0
    assert exit_code_of(["consent", "list"]) == 0
    assert "in force" in capsys.readouterr().out
    assert exit_code_of(["consent", "revoke", "ada", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "identity ada: revoked" in told
    assert "target scene: revoked" in told, "it was there under the same record"
    assert "outside the data root" in told
    kept = {path for path in written(root) if not path.startswith(".dagster")}
    assert all(path.startswith("tombstones/") for path in kept), kept
    assert add("identity", ada, "again") == 3
    assert "was revoked on" in capsys.readouterr().err
    assert exit_code_of(["consent", "list"]) == 0
    assert "revoked on" in " ".join(capsys.readouterr().out.split())
    assert exit_code_of(["consent", "revoke", "ada", "--yes"]) == 0, "once more changes nothing"
    assert len(list((root / "tombstones").iterdir())) == 2


def test_what_is_removed_leaves_nothing_and_may_come_again(root, ada, capsys):
    assert add("identity", ada) == 0
    assert exit_code_of(["remove", "identity", "ada", "--yes"]) == 0
    assert not list((root / "tombstones").iterdir())
    assert add("identity", ada) == 0


def test_names_that_cannot_be_revoked_are_one_line(root, ada, capsys):
    assert add("identity", ada) == 0
    assert add("target", ada) == 0
    for arguments, words in (
        (["ada", "--yes"], "an identity and a target"),
        (["eve", "--yes"], "'eve' is unknown; known: ada"),
        (["../x", "--yes"], "not allowed"),
        (["ada", "--side", "both"], "neither"),
    ):
        capsys.readouterr()
        assert exit_code_of(["consent", "revoke", *arguments]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert words in line
    assert (root / "identities" / "ada" / "a.png").is_file()
