"""What is made of people is their user's alone to read, and the UI this machine's alone to see."""

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image

from facepipe.cli import service
from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe_tests.cli.granting import grant

add_commands()
WRITE = """
import pathlib, facepipe.definitions as d
d.defs()
pathlib.Path("folder").mkdir(); pathlib.Path("folder/file").write_text("x")
"""


def open_to_others(root):
    return {
        str(path.relative_to(root)): oct(path.lstat().st_mode)
        for path in (root, *root.rglob("*"))
        if stat.S_IMODE(path.stat().st_mode) & 0o077
    }


def environment(root):
    ours = ("FACEPIPE_", "DAGSTER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"FACEPIPE_DATA": str(root)}


def test_no_command_leaves_a_file_or_folder_that_others_can_read(tmp_path):
    given = tmp_path / "given"
    given.mkdir()
    Image.new("RGB", (64, 64), (200, 9, 9)).save(given / "a.png")
    (given / "a.png").chmod(0o644)
    grant(given)
    command = ["add", "identity", "ada", given, "--consent", given / "consent.json"]
    subprocess.run(
        ["sh", "-c", 'umask 022; exec "$@"', "-", sys.executable, "-m", "facepipe.cli", *command],
        env=environment(tmp_path / "data"), cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    assert (tmp_path / "data" / ".dagster").is_dir()
    assert open_to_others(tmp_path / "data") == {}


def test_a_process_of_dagster_that_loads_the_assets_writes_for_its_user_alone(tmp_path):
    command = ["sh", "-c", 'umask 022; exec "$@"', "-", sys.executable, "-c", WRITE]
    subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), check=True)
    assert open_to_others(tmp_path / "folder") == {}


@pytest.fixture
def started(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / ".dagster"))
    monkeypatch.chdir(tmp_path)
    commands = []
    monkeypatch.setattr(service.os, "execv", lambda _, command: commands.append(command))

    def start(*arguments):
        assert exit_code_of(["ui", *arguments]) == 0
        return commands[-1]

    return start


def test_the_ui_listens_on_this_machine_unless_told_otherwise(started, capsys):
    assert started()[-4:] == ["-h", "127.0.0.1", "-p", "3000"]
    assert not capsys.readouterr().err
    assert started("--host", "0.0.0.0")[-3] == "0.0.0.0"  # noqa: S104  the warning is under test
    assert "no password" in capsys.readouterr().err


def test_the_ui_is_known_by_the_name_that_the_project_gives_it(started):
    command = started()
    workspace = yaml.safe_load(Path(command[command.index("-w") + 1]).read_text())
    (module,) = (entry["python_module"] for entry in workspace["load_from"])
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert module["location_name"] == project["tool"]["dg"]["project"]["code_location_name"]
    assert module["module_name"] == "facepipe.definitions"


def test_the_ui_can_be_made_to_show_only(started):
    command = started("--read-only")
    assert command[0].endswith("dagster-webserver")
    assert "--read-only" in command
    assert "--read-only" not in started()


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("x", False)],
)
def test_which_addresses_are_this_machines_alone(host, alone):
    assert service.is_loopback(host) is alone
