"""`facepipe export`: a pair's model as files for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepipe.cli.console import stdout
from facepipe.cli.surroundings import store
from facepipe.defs.inputs import ConsentedPair, consented_pair
from facepipe.defs.partitions import pair_key
from facepipe.defs.recipes import read_recipe
from facepipe.defs.signing import of_model, signer, with_records
from facepipe.defs.storage import Artifact, NotBuiltError, Store
from facepipe.settings import checked_name

if TYPE_CHECKING:
    from facepipe.provenance.statement import Statement
    from facepipe.training.formats import Published


def register(app: typer.Typer) -> None:
    """Put this command into the application."""
    app.command("export")(export)


def export(
    identity: str,
    target: str,
    kind: Annotated[str, typer.Option("--format", metavar="inswapper|dfm|watserface")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write them to.")],
    half: Annotated[bool, typer.Option("--half", help="Compute in float16.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite what differs.")] = False,
) -> None:
    """Write a pair's model for InsightFace and FaceFusion, as a DFM, or for WatserFace."""
    from facepipe.training.formats import checked_format, exported_files, write_files

    checked_name(identity, "identity")
    checked_name(target, "target")
    chosen, here = checked_format(kind), store()
    published = published_pair(here, identity, target)
    files = exported_files(published, chosen, half=half)
    signed = with_records(
        files, _said(here, identity, target), signer(here.signing_keys()), published.file
    )
    for path in write_files(signed, output, replace=replace):
        stdout.print(path, markup=False, highlight=False, soft_wrap=True)


def _said(here: Store, identity: str, target: str) -> "Statement":
    """What is said of a model that is written in another form than it is published in."""
    pair = consented_pair(here, pair_key(identity, target), "swap")
    consents = {"identity": pair.identity.consent.id, "target": pair.target.consent.id}
    return of_model("export", {"lora_onnx": pair.get("pair/lora_onnx").digest}, consents)


def published_pair(here: Store, identity: str, target: str) -> "Published":
    """A pair's newest model and what it was made from, if all belong together.

    Raises:
        ConsentError: A record does not cover the media, training or swapping now.
        NotBuiltError: The model is not made, or was made from something else than is there now.
    """
    from facepipe.training.formats import Published

    found = up_to_date(pair_to_leave(here, identity, target), "lora_onnx")
    profile = found["profile"].path / "profile.json"
    return Published(found["lora_onnx"].path, profile, found["target_faces"].path)


def pair_to_leave(here: Store, identity: str, target: str) -> ConsentedPair:
    """A pair from which a model may leave the pipeline.

    Such a model can swap, so both records must allow swapping, as well as the training it came
    from.

    Raises:
        ConsentError: A record does not cover the media, training or swapping now.
    """
    key = pair_key(identity, target)
    consented_pair(here, key, "swap")
    return consented_pair(here, key, "train")


def up_to_date(pair: ConsentedPair, model: str) -> dict[str, Artifact]:
    """A pair's asset `model`, and its adapter, profile and target's faces, by name.

    Raises:
        NotBuiltError: One is not made, or the model or the adapter was made from something else
            than is there now.
    """
    names = (pair.identity_name, pair.target_name)
    again = f"run: facepipe run {' '.join(names)} --set pair/swapped_video.swapper=lora"
    keys = {model: f"pair/{model}", **_INPUTS}
    try:
        found = {name: pair.get(key) for name, key in keys.items()}
    except NotBuiltError as error:
        raise NotBuiltError(f"{str(error).partition(':')[0]}; {again}") from error
    now = pair.consent_ids | {name: found[name].digest for name in _INPUTS}
    made_from = _made_from(found["lora_checkpoint"]) | _made_from(found[model])
    changed = [name for name, digest in now.items() if made_from.get(name, digest) != digest]
    if changed:
        since = ", ".join(changed).replace("_", " ")
        raise NotBuiltError(
            f"pair/{model}[{pair.partition_key}] is older than its {since}; {again}"
        )
    return found


_INPUTS = {
    "lora_checkpoint": "pair/lora_checkpoint",
    "profile": "identity/profile",
    "target_faces": "target/faces",
}


def _made_from(artifact: Artifact) -> dict[str, str]:
    recipe = read_recipe(artifact.path)
    return recipe["inputs"] if recipe else {}
