"""What a bad input is here: what is tried in a folder of its own, and how that has to end."""

import io
import os
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import ending, exit_code_of, printable
from facepipe.defs.storage import Store

ROOT = "data"


@dataclass(frozen=True)
class Told:
    """How something ended: its exit code, and the one line it said."""

    code: int
    message: str


@dataclass(frozen=True)
class Case:
    """A bad input.

    Attributes:
        area: Where it comes in.
        input: What it is, in words; no two are alike.
        tried: Given a folder: a command's end, a note that work goes on with, or an error.
        code: The exit code it has to end with.
        said: What the message has to hold.
        looks: Whether faces are looked for, which takes the landmark model and some seconds.
    """

    area: str
    input: str
    tried: Callable[[Path], Told | str]
    code: int
    said: str
    looks: bool = False


def told(case: Case, folder: Path, models: Path | None = None) -> Told:
    """Try a case in an empty folder; what it said tells nothing of where that lies."""
    if models is not None:
        (folder / ROOT).mkdir()
        (folder / ROOT / "models").symlink_to(models.absolute())
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("FACEPIPE_", "DAGSTER_"))]:
            patch.delenv(name)
        patch.setenv("FACEPIPE_DATA", str(folder / ROOT))
        patch.chdir(folder)
        found = _ended(case, folder)
    return Told(found.code, found.message.replace(str(folder), "…"))


def _ended(case: Case, folder: Path) -> Told:
    try:
        found = case.tried(folder)
    except Exception as error:  # noqa: BLE001  any other than facepipe's own is told as such
        message, code = ending(error)
        return Told(code, printable(message))
    return Told(0, found) if isinstance(found, str) else found


def command(*arguments: object, makes: bool = False, **environment: str) -> Told:
    """How a command ends; more than one line of error fails.

    So does a changed data root, unless the command `makes` something before it comes to the flaw.
    """
    add_commands()
    root = Path(ROOT).absolute()
    before, said = files_in(root), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with redirect_stderr(said), redirect_stdout(io.StringIO()):
            code = exit_code_of([str(argument) for argument in arguments])
    lines = said.getvalue().strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 1, lines
    assert lines[-1] == errors[0]
    assert makes or files_in(root) == before
    return Told(code, errors[0].removeprefix("error: "))


def files_in(root: Path) -> list[str]:
    """What lies in a data root, but for Dagster's own and the logs of runs."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] not in (".dagster", "logs", ".work"))


def store(folder: Path) -> Store:
    """The data root of a case."""
    return Store(root=str(folder / ROOT))
