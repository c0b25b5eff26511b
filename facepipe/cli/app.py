"""The `facepipe` command: its commands, and how each way to fail ends."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from dagster import DagsterExecutionInterruptedError

from facepipe.cli import INTERRUPTED, INTERRUPTED_SAID
from facepipe.cli.console import stderr
from facepipe.cli.surroundings import read_dotenv, sqlite_error, unreadable_history
from facepipe.errors import FacepipeError, StorageError
from facepipe.files import cannot_be_written
from facepipe.settings import dagster_home, data_root, keep_to_owner

app = typer.Typer(
    help="Consented media in, a trained face-swap model and a swapped video out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}  # others may mean that it cannot be read
# a full disk shows first where SQLite makes room for an index of its journal
_NO_ROOM = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR_SHMSIZE")
_MANY_VALUES = ("--media", "--scope", "--only-with")


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Consented media in, a trained face-swap model and a swapped video out."""
    if debug:
        os.environ["FACEPIPE_DEBUG"] = "1"


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command of a process of its own; its exit code, which no later signal changes."""

    def prepared() -> None:
        read_dotenv()
        keep_to_owner()
        _add_commands()

    code = exit_code_of(arguments, prepared)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return code


def exit_code_of(
    arguments: Sequence[str] | None = None, prepare: Callable[[], None] = lambda: None
) -> int:
    """Run one command, prepared for; errors become one line on stderr and a code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        prepare()
        result = app(args=one_value_each(given), standalone_mode=False)
        if result == INTERRUPTED:
            raise KeyboardInterrupt  # noqa: TRY301  typer would end without a word
    except (Exception, KeyboardInterrupt, DagsterExecutionInterruptedError) as error:  # noqa: BLE001
        if os.environ.get("FACEPIPE_DEBUG"):
            traceback.print_exc()
        message, code = ending(error)
        line = printable(message)
        stderr.print(f"error: {line}", markup=False, highlight=False, soft_wrap=True)
        return code
    return result if isinstance(result, int) else 0


def ending(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and the code to end with."""
    match error:
        case FacepipeError():
            return str(error), error.exit_code
        case typer.TyperException():
            return _usage(error), 2
        case typer.Abort():
            return "not confirmed; nothing was changed", 2
        case KeyboardInterrupt() | DagsterExecutionInterruptedError():
            return INTERRUPTED_SAID, INTERRUPTED
        case OSError():
            return of_disk(error)
        case _:
            return of_database(error) or (f"{type(error).__name__}: {error}", 1)


def of_disk(error: OSError) -> tuple[str, int]:
    """What to say where a file could not be read or written, and the code to end with."""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        return cannot_be_written(error.filename or data_root(), why), StorageError.exit_code
    return f"{error.filename or f'a file in {data_root()}'}: {why}", 1


def of_database(error: BaseException) -> tuple[str, int] | None:
    """The same where Dagster's database says it; its own words hold statements and their values."""
    damage, cause = unreadable_history(error), sqlite_error(error)
    if damage:
        return "; ".join(damage), 1
    name: str = getattr(cause, "sqlite_errorname", "")
    if name.startswith(_NO_ROOM):
        return cannot_be_written(dagster_home(), str(cause)), StorageError.exit_code
    return (f"{dagster_home()}: {cause}", 1) if cause else None


def printable(message: str) -> str:
    r"""A message as one line that steers no terminal, whatever a file or a name put into it.

    >>> printable("a.mp4\n\x1b[2J: no video")
    'a.mp4 [2J: no video'
    """
    seen = "".join(letter if letter.isprintable() else " " for letter in message)
    return " ".join(seen.split())


def one_value_each(arguments: Sequence[str]) -> list[str]:
    """Let some options, `--media` for one, take several values, by repeating it before each.

    >>> one_value_each(["consent", "new", "--media", "a.jpg", "b.jpg", "-o", "c.json"])
    ['consent', 'new', '--media', 'a.jpg', '--media', 'b.jpg', '-o', 'c.json']
    """
    spread: list[str] = []
    option = ""
    for argument in arguments:
        if argument.startswith("-"):
            option = argument if argument in _MANY_VALUES else ""
        elif option and spread[-1] != option:
            spread.append(option)
        spread.append(argument)
    return spread


def _usage(error: typer.TyperException) -> str:
    """What was wrong with the command line; help asked for by giving nothing is its first line."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    first = message.strip().splitlines()[0] if message.strip() else type(error).__name__
    return f"{first.strip()} (see --help)"


def _add_commands() -> None:
    from facepipe.cli import (
        annotate,
        combine,
        consent,
        deleting,
        export,
        grid,
        inputs,
        make,
        models,
        service,
        verify,
    )

    given = (
        inputs,
        deleting,
        consent,
        make,
        annotate,
        grid,
        export,
        combine,
        verify,
        models,
        service,
    )
    for module in given:
        module.register(app)
