"""`facepipe verify`: whether a film, a model or an adapter is what its provenance says."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepipe.cli.console import stdout

if TYPE_CHECKING:
    from facepipe.provenance.statement import Statement
    from facepipe.provenance.verifying import Verified


def register(app: typer.Typer) -> None:
    """Put this command into the application."""
    app.command("verify")(verify_file)


def verify_file(
    file: Annotated[Path, typer.Argument(help="A film, or a model with its .sig beside it.")],
) -> None:
    """Check that nothing was changed since a file was made, and say how it was made."""
    from facepipe.provenance.verifying import verify

    found = verify(file)
    stdout.print(f"{file}: valid", markup=False, highlight=False, soft_wrap=True)
    for name, text in [*_told(found.statement), ("signed by", _signer(found))]:
        stdout.print(f"  {name:<11} {text}", markup=False, highlight=False, soft_wrap=True)


def _told(statement: "Statement | None") -> list[tuple[str, str]]:
    if statement is None:
        return [("made by", "another program than facepipe; its own manifest holds")]
    made = f"{statement.software.name} {statement.software.version}, {statement.asset}"
    ingredients = [(name, digest) for name, digest in sorted(statement.ingredients.items())]
    consents = [f"{side} {record}" for side, record in sorted(statement.consent_ids.items())]
    return [
        ("made by", made),
        ("what", f"{statement.action}, {statement.kind}"),
        *(("model", digest) for digest in statement.models),
        *(("from", f"{name} {digest}") for name, digest in ingredients),
        ("consent", ", ".join(consents) or "none named"),
    ]


def _signer(found: "Verified") -> str:
    if found.is_local:
        return (
            f"{found.signed_by}: this shows that nothing was changed, and not who made it "
            f"(see FACEPIPE_CERTIFICATE)"
        )
    return f"{found.signed_by}; whether to trust that certificate is yours to judge"
