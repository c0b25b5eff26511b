"""`facepipe models list | fetch | verify | train`: weights by name, with licence and hash."""

from typing import Annotated

import typer
from rich.table import Table

from facepipe.cli.console import following, stdout
from facepipe.cli.surroundings import store

NEEDED = "face_landmarker"
"""The one file that nothing runs without."""


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    models = typer.Typer(help="Weights by name: licence shown, sha256 checked.")
    models.command("list")(show)
    models.command("fetch")(fetch)
    models.command("verify")(verify)
    models.command("train")(train)
    app.add_typer(models, name="models")


AcceptOption = Annotated[
    bool, typer.Option("--accept-licence", help="You have read and accept the licence.")
]


def show() -> None:
    """Show every known weight file, its licence, and whether it is here."""
    from facepipe.inference.models import list_models

    table = Table("name", "here", "licence", "for", "sha256")
    for model in list_models(store().models()):
        table.add_row(model.name, model.state, model.licence, model.purpose, model.sha256[:16])
    stdout.print(table)


def fetch(
    name: Annotated[str, typer.Argument()] = NEEDED, accept_licence: AcceptOption = False
) -> None:
    """Fetch a weight file, check its hash, and note it in MODELS.lock."""
    fetch_model(name, accept_licence=accept_licence)


def fetch_model(name: str, *, accept_licence: bool = False) -> None:
    """Fetch a weight file with progress, unless it is here and whole."""
    from facepipe.inference.models import ensure_model

    with following() as listener:
        path = ensure_model(
            name,
            store().models(),
            accept_licence=accept_licence,
            on_progress=lambda done, total: listener.advanced(name, done, total),
        )
    stdout.print(f"{name}: {path}", markup=False, highlight=False, soft_wrap=True)


def verify(name: Annotated[str | None, typer.Argument()] = None) -> None:
    """Check the hash of one weight file, or of all that are here."""
    from facepipe.inference.models import verify_models

    for line in verify_models(store().models(), name):
        stdout.print(line, markup=False, highlight=False, soft_wrap=True)


def train(epochs: Annotated[int, typer.Option(help="How long.", min=1)] = 48) -> None:
    """Train the general occluder, from drawn people alone; it shows what is before any face."""
    from facepipe.defs.occlusion_general import train_general

    with following() as listener:
        path = train_general(
            store(), epochs, lambda done, total: listener.advanced("occluder", done, total)
        )
    stdout.print(f"occluder: {path}", markup=False, highlight=False, soft_wrap=True)
