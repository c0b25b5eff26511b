"""The `facepipe` command: its commands, and how each way to fail ends."""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from facepipe.cli.console import stderr
from facepipe.cli.surroundings import read_dotenv
from facepipe.errors import FacepipeError

app = typer.Typer(
    help="Consented media in, a trained face-swap model and a swapped video out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
INTERRUPTED = 130
_MANY_VALUES = ("--media", "--scope")


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
    _add_commands()
    sys.exit(exit_code_of(arguments))


def exit_code_of(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors become one line on stderr and a code."""
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        result = app(args=one_value_each(given), standalone_mode=False)
    except click.ClickException as error:
        return _fail(error.format_message(), 2)
    except FacepipeError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _fail("interrupted; run the same command again to go on", INTERRUPTED)
    except OSError as error:
        return _fail(f"{error.filename or 'system'}: {error.strerror or error}", 1)
    except Exception as error:  # noqa: BLE001  whatever happens, the user reads one line
        return _fail(f"{type(error).__name__}: {error}", 1)
    return result if isinstance(result, int) else 0


def one_value_each(arguments: Sequence[str]) -> list[str]:
    """Let `--media` and `--scope` take several values, by repeating the option before each.

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


def _fail(message: str, code: int) -> int:
    if os.environ.get("FACEPIPE_DEBUG"):
        traceback.print_exc()
    one_line = " ".join(message.split())
    stderr.print(f"error: {one_line}", markup=False, highlight=False, soft_wrap=True)
    return code


def _add_commands() -> None:
    from facepipe.cli import consent, inputs, make, models, service

    for module in (inputs, consent, make, models, service):
        module.register(app)
