"""`facepipe ui | doctor`: start the web UI, and say whether this machine is ready."""

import ipaddress
import os
import shutil
import sys
from typing import Annotated

import typer
from rich.table import Table

from facepipe.cli.console import stderr, stdout
from facepipe.cli.doctor import examine
from facepipe.cli.surroundings import prepare_home, store
from facepipe.files import write_whole

LOOPBACK = "127.0.0.1"
WORKSPACE = """\
# Written by facepipe. The name is the one of pyproject.toml, so that what was switched on in the UI
# stays on, whichever folder it is started from.
load_from:
  - python_module: {module_name: facepipe.definitions, location_name: facepipe}
"""


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    app.command("ui")(ui)
    app.command("doctor")(doctor)


def ui(
    host: Annotated[
        str, typer.Option(help="Address to listen on. Other machines reach it by another one.")
    ] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 3000,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Only show: nothing can be launched or changed.")
    ] = False,
) -> None:
    """Start Dagster's web UI and daemon on this data root, until Ctrl-C."""
    workspace = prepare_home() / "workspace.yaml"
    write_whole(workspace, WORKSPACE)
    if not is_loopback(host):
        stderr.print(
            f"the UI asks for no password: whoever reaches {host}:{port} can see every picture"
            + ("" if read_only else " and start and delete runs"),
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
    # `dagster dev` knows no read-only mode; without its daemon nothing starts by itself either
    server = ("dagster-webserver", "--read-only") if read_only else ("dagster", "dev")
    program = shutil.which(server[0], path=os.path.dirname(sys.executable)) or server[0]  # noqa: PTH120
    command = [program, server[1], "-w", str(workspace), "-h", host, "-p", str(port)]
    os.execv(program, command)  # noqa: S606  the UI takes this process's place and its signals


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def doctor() -> None:
    """Check device, providers, codecs, libraries, models and write access, with fixes."""
    findings = list(examine(store()))
    table = Table("", "what", "found", "to mend")
    for finding in findings:
        table.add_row("ok" if finding.fine else "NO", finding.what, finding.found, finding.fix)
    stdout.print(table)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(1)
