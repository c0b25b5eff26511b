"""`facepipe export`: a pair's model as files for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from facepipe.cli.console import stdout
from facepipe.cli.surroundings import store
from facepipe.defs.inputs import consented_pair
from facepipe.defs.partitions import pair_key
from facepipe.defs.recipes import read_recipe
from facepipe.defs.storage import Artifact, NotBuiltError, Store
from facepipe.settings import checked_name

if TYPE_CHECKING:
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
    chosen = checked_format(kind)
    files = exported_files(published_pair(store(), identity, target), chosen, half=half)
    for path in write_files(files, output, replace=replace):
        stdout.print(path, markup=False, highlight=False, soft_wrap=True)


def published_pair(here: Store, identity: str, target: str) -> "Published":
    """A pair's newest model and what it was made from, if all belong together.

    A model that can swap leaves the pipeline, so both records must allow swapping, as well as the
    training it came from.

    Raises:
        ConsentError: A record does not cover the media, training or swapping now.
        NotBuiltError: The model is not made, or was made from something else than is there now.
    """
    key = pair_key(identity, target)
    consented_pair(here, key, "swap")
    pair = consented_pair(here, key, "train")
    again = f"run: facepipe run {identity} {target} --set pair/swapped_video.swapper=lora"
    try:
        model, trained = pair.get("pair/lora_onnx"), pair.get("pair/lora_checkpoint")
        profile, faces = pair.get("identity/profile"), pair.get("target/faces")
    except NotBuiltError as error:
        raise NotBuiltError(f"{str(error).partition(':')[0]}; {again}") from error
    inputs = {"lora_checkpoint": trained, "profile": profile, "target_faces": faces}
    now = pair.consent_ids | {name: artifact.digest for name, artifact in inputs.items()}
    made_from = _made_from(trained) | _made_from(model)
    changed = [name for name, digest in now.items() if made_from.get(name, digest) != digest]
    if changed:
        since = ", ".join(changed).replace("_", " ")
        raise NotBuiltError(f"pair/lora_onnx[{key}] is older than its {since}; {again}")
    from facepipe.training.formats import Published

    return Published(model.path, profile.path / "profile.json", faces.path)


def _made_from(artifact: Artifact) -> dict[str, str]:
    recipe = read_recipe(artifact.path)
    return recipe["inputs"] if recipe else {}
