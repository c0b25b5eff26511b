"""The `facepipe` command: its commands, and how each way to fail ends."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer
from dagster import DagsterExecutionInterruptedError

from facepipe.cli.console import stderr
from facepipe.cli.surroundings import read_dotenv
from facepipe.errors import FacepipeError
from facepipe.settings import keep_to_owner

app = typer.Typer(
    help="Consented media in, a trained face-swap model and a swapped video out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
INTERRUPTED = 130
_MANY_VALUES = ("--media", "--scope", "--only-with")


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Consented media in, a trained face-swap model and a swapped video out."""
    if debug:
        os.environ["FACEPIPE_DEBUG"] = "1"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code (design: 0, 1, 2, 3, 4, 130)."""
    read_dotenv()
    keep_to_owner()
    _add_commands()
    sys.exit(exit_code_of(arguments))


def exit_code_of(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors become one line on stderr and a code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = app(args=one_value_each(given), standalone_mode=False)
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
            return "interrupted; run the same command again to go on", INTERRUPTED
        case OSError():
            return f"{error.filename or 'system'}: {error.strerror or error}", 1
        case _:
            return f"{type(error).__name__}: {error}", 1


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

    given = (inputs, deleting, consent, make, grid, export, combine, verify, models, service)
    for module in given:
        module.register(app)
