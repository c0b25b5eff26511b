"""`facepipe ui | doctor`: start the web UI, and say whether this machine is ready."""

import os
import shutil
import sys
from typing import Annotated

import typer
from rich.table import Table

from facepipe.cli.console import stdout
from facepipe.cli.doctor import examine
from facepipe.cli.surroundings import prepare_home, store


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    app.command("ui")(ui)
    app.command("doctor")(doctor)


def ui(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
) -> None:
    """Start Dagster's web UI and daemon on this data root, until Ctrl-C."""
    prepare_home()
    dagster = shutil.which("dagster", path=os.path.dirname(sys.executable)) or "dagster"  # noqa: PTH120
    command = [dagster, "dev", "-m", "facepipe.definitions", "-h", host, "-p", str(port)]
    os.execv(dagster, command)  # noqa: S606  the UI takes this process's place and its signals


def doctor() -> None:
    """Check device, providers, codecs, libraries, models and write access, with fixes."""
    findings = list(examine(store()))
    table = Table("", "what", "found", "to mend")
    for finding in findings:
        table.add_row("ok" if finding.fine else "NO", finding.what, finding.found, finding.fix)
    stdout.print(table)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)
