"""`facepipe combine`: the adapters of one identity for several targets as one model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepipe.cli.console import stdout
from facepipe.cli.export import pair_to_leave, up_to_date
from facepipe.cli.surroundings import store
from facepipe.defs.inputs import ConsentedPair
from facepipe.errors import SettingsError
from facepipe.settings import checked_name

if TYPE_CHECKING:
    from facepipe.training.combining import Part


def register(app: typer.Typer) -> None:
    """Put this command into the application."""
    app.command("combine")(combine)


def combine(  # noqa: PLR0913  each is an argument of the command
    identity: str,
    targets: Annotated[list[str], typer.Argument(metavar="TARGET TARGET…")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write it to.")],
    weights: Annotated[
        str | None, typer.Option(metavar="0.5,0.5", help="One per target; default: equal shares.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="linear|svd",
            help="linear: the weighted sum of the changes. svd: that cut to the largest rank, "
            "with a PEFT adapter folder beside it.",
        ),
    ] = "linear",
    name: Annotated[
        str | None,
        typer.Option(help="Of the files; default: IDENTITY_to_TARGET_TARGET_lora."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what differs.")] = False,
) -> None:
    """Merge a person's adapters for several targets into one model in the inswapper contract."""
    checked_name(identity, "identity")
    for target in targets:
        checked_name(target, "target")
    if len(targets) < 2 or len({*targets}) < len(targets):
        raise SettingsError(
            f"targets are {', '.join(targets)}; two or more are needed, each once "
            f"(for one: facepipe export)"
        )
    called = checked_name(name, "model") if name else f"{identity}_to_{'_'.join(targets)}_lora"
    from facepipe.training.combining import checked_method, checked_weights, combined_files
    from facepipe.training.formats import write_files

    chosen, shares = checked_method(method), checked_weights(weights, len(targets))
    here = store()
    pairs = [pair_to_leave(here, identity, target) for target in targets]
    parts = [_part(pair, weight) for pair, weight in zip(pairs, shares, strict=True)]
    base = pairs[0].get("identity/checkpoint").path
    files = combined_files(base, parts, called, chosen)
    for path in write_files(files, output, replace=replace):
        stdout.print(path, markup=False, highlight=False, soft_wrap=True)


def _part(pair: ConsentedPair, weight: float) -> "Part":
    from facepipe.training.combining import Part

    adapter = up_to_date(pair, "lora_checkpoint")["lora_checkpoint"].path
    names = {"identity": pair.identity_name, "target": pair.target_name}
    return Part(adapter, weight, names | pair.consent_ids)
