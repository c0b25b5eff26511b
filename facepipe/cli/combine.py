"""`facepipe combine`: the adapters of one identity for one or more targets as one model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facepipe.cli.console import stdout
from facepipe.cli.export import pair_to_leave, up_to_date
from facepipe.cli.surroundings import store
from facepipe.cli.towards import checked_towards
from facepipe.defs.inputs import ConsentedPair
from facepipe.defs.signing import of_model, signer, with_records
from facepipe.errors import SettingsError
from facepipe.provenance.digests import IDENTITY_MEDIA
from facepipe.settings import checked_name

if TYPE_CHECKING:
    from facepipe.provenance.statement import Statement
    from facepipe.training.combining import Part


def register(app: typer.Typer) -> None:
    """Put this command into the application."""
    app.command("combine")(combine)


def combine(  # noqa: PLR0913  each is an argument of the command
    identity: str,
    targets: Annotated[list[str], typer.Argument(metavar="TARGET…")],
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
    towards: Annotated[
        str | None,
        typer.Option(
            metavar="OTHER",
            help="Another identity: the profile of a person between the two is written beside the "
            "model, for programs that feed it as the source. One TARGET is enough then. Compact "
            "models draw their own person under any profile.",
        ),
    ] = None,
    share: Annotated[
        float | None, typer.Option(metavar="0.3", help="How far towards OTHER; default: half way.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="Of the files; default: IDENTITY_to_TARGET_TARGET_lora."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what differs.")] = False,
) -> None:
    """Merge a person's adapters for several targets into one model in the inswapper contract."""
    wanted = checked_towards(identity, towards, share)
    _check_names(identity, targets, least=1 if wanted else 2)
    who = f"{identity}_towards_{wanted.other}" if wanted else identity
    called = checked_name(name, "model") if name else f"{who}_to_{'_'.join(targets)}_lora"
    from facepipe.training.combining import checked_method, checked_weights, combined_files
    from facepipe.training.formats import write_files

    chosen, shares = checked_method(method), checked_weights(weights, len(targets))
    here = store()
    pairs = [pair_to_leave(here, identity, target) for target in targets]
    parts = [_part(pair, weight) for pair, weight in zip(pairs, shares, strict=True)]
    base = pairs[0].get("identity/checkpoint").path
    facts: dict[str, Any] = {IDENTITY_MEDIA: pairs[0].identity.digest}
    beside: dict[str, bytes] = {}
    if wanted:
        beside[f"{called}.profile.json"], facts["source"] = wanted.mixed(here, pairs[0])
    files = beside | combined_files(base, parts, called, chosen, facts)
    signed = with_records(files, _said(pairs), signer(here.signing_keys()))
    for path in write_files(signed, output, replace=replace):
        stdout.print(path, markup=False, highlight=False, soft_wrap=True)


def _said(pairs: list[ConsentedPair]) -> "Statement":
    """What is said of a model made of several adapters; people are not named."""
    adapters = {
        f"adapter {place}": pair.get("pair/lora_checkpoint").digest
        for place, pair in enumerate(pairs, 1)
    }
    targets = {f"target {n}": pair.target.consent.id for n, pair in enumerate(pairs, 1)}
    return of_model("combine", adapters, {"identity": pairs[0].identity.consent.id, **targets})


def _check_names(identity: str, targets: list[str], least: int) -> None:
    checked_name(identity, "identity")
    for target in targets:
        checked_name(target, "target")
    if len(targets) < least or len({*targets}) < len(targets):
        raise SettingsError(
            f"targets are {', '.join(targets)}; {'one' if least == 1 else 'two'} or more are "
            f"needed, each once (for one: facepipe export)"
        )


def _part(pair: ConsentedPair, weight: float) -> "Part":
    from facepipe.training.combining import Part

    adapter = up_to_date(pair, "lora_checkpoint")["lora_checkpoint"].path
    names = {"identity": pair.identity_name, "target": pair.target_name}
    return Part(adapter, weight, names | pair.consent_ids)
