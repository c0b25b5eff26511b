"""`facepipe add | list`: the people and targets of a data root."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from facepipe.cli.console import stdout
from facepipe.cli.surroundings import dagster_instance, store
from facepipe.defs.forgetting import ADDING, ADDING_LOCK
from facepipe.defs.gate import inspect_once, note_inspected
from facepipe.defs.inputs import (
    CONSENT_FILE,
    USE,
    consented_media,
    input_event,
    media_digests,
)
from facepipe.defs.partitions import PARTITIONS, SIDES, Side
from facepipe.defs.storage import Store
from facepipe.errors import BadInputError, ConsentError, MediaError
from facepipe.files import storage_errors
from facepipe.provenance.digests import digest_of_digests
from facepipe.provenance.tombstones import check_not_ended
from facepipe.publishing import held, publish_folder
from facepipe.settings import checked_name, dagster_home


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    add = typer.Typer(help="Copy a person's media or a target in, with its consent record.")
    add.command("identity", help="Add a person whose face is to be learnt.")(add_identity)
    add.command("target", help="Add a video, or images, whose face is to be replaced.")(add_target)
    app.add_typer(add, name="add")
    app.command("list", help="Show identities and targets.")(show_inputs)


MediaArgument = Annotated[list[Path], typer.Argument(help="Images, videos, or folders of them.")]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="Put these media in the place of those under this name.")
]
ConsentOption = Annotated[Path, typer.Option("--consent", help="The consent record.")]


def add_identity(
    name: str, media: MediaArgument, consent: ConsentOption, replace: ReplaceOption = False
) -> None:
    """Add a person whose face is to be learnt."""
    add_input("identity", name, media, consent, replace=replace)


def add_target(
    name: str, media: MediaArgument, consent: ConsentOption, replace: ReplaceOption = False
) -> None:
    """Add a video, or images, whose face is to be replaced."""
    add_input("target", name, media, consent, replace=replace)


def add_input(
    side: Side, name: str, media: list[Path], consent: Path, *, replace: bool = False
) -> None:
    """Copy media in, check them and their consent, and register the partition.

    Everything is checked aside first: nothing is registered, and nothing that was there is
    changed, unless all of it holds.

    Raises:
        BadInputError: A name, file or record cannot be used.
        ConsentError: The record does not cover these media or this use.
    """
    checked_name(name, side)
    here = store()
    place = here.input_folder(side, name)
    if not consent.is_file():
        raise ConsentError(f"{consent}: no such consent record; make one: facepipe consent new")
    from facepipe.media.probe import list_media

    dagster_home()  # refuses a relative one before anything is changed
    with storage_errors(place), _adding(here) as aside:
        copy, files = aside.input_folder(side, name), _files(media)
        _copy_in([*files, consent], copy, consent)
        with _told_as_given(copy, {path.name: path for path in files} | {CONSENT_FILE: consent}):
            digest = digest_of_digests(media_digests(copy))
            inspect_once(aside, side, name, list_media(copy), digest)
            found = consented_media(aside, side, name, USE[side])
        check_not_ended(found.consent, found.digests.values(), here.tombstones())
        _refuse_other_media(place, copy, replace=replace)
        publish_folder(copy, place)
        note_inspected(here, side, name, found.digest)
    with dagster_instance() as instance:
        instance.add_dynamic_partitions(PARTITIONS[side].name or side, [name])
        instance.report_runless_asset_event(input_event(here, side, name))
    stdout.print(f"{side} {name}: {place}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _adding(here: Store) -> Generator[Store]:
    """A data root beside the data, gone afterwards; one command at a time has it."""
    Path(here.root).mkdir(parents=True, exist_ok=True)
    folder, lock = Path(here.root, ADDING), Path(here.root, ADDING_LOCK)
    with held(lock, "an input folder"):
        shutil.rmtree(folder, ignore_errors=True)  # what a killed command may have left
        try:
            yield Store(root=str(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


@contextmanager
def _told_as_given(copy: Path, given: dict[str, Path]) -> Generator[None]:
    """Let an error name the file that was given, not its copy, which is gone by then."""
    try:
        yield
    except (MediaError, ConsentError, BadInputError) as error:
        said = str(error)
        for name, path in given.items():
            said = said.replace(str(copy / name), str(path))
        raise type(error)(said) from error


def _refuse_other_media(place: Path, copy: Path, *, replace: bool) -> None:
    if place.exists() and not replace and media_digests(place) != media_digests(copy):
        raise BadInputError(
            f"{place} holds other media already: choose another name, or give --replace"
        )


def _files(media: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in media:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.is_file() and p.name[0] != ".")
            files += [p for p in inside if p.name != CONSENT_FILE]
        elif path.is_file():
            files.append(path)
        else:
            raise MediaError(f"{path}: no such file or folder; give images, videos or folders")
    names = [path.name for path in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise MediaError(f"two files are named {twice[0]!r}: give each its own name")
    return files


def _copy_in(files: list[Path], folder: Path, consent: Path) -> None:
    folder.mkdir(parents=True)
    for path in files:
        shutil.copyfile(path, folder / (CONSENT_FILE if path == consent else path.name))


def show_inputs() -> None:
    """Show identities and targets, what they hold, and how their consent stands."""
    table = Table("kind", "name", "files", "consent")
    here = store()
    for side in SIDES:
        for name in here.input_names(side):
            try:
                media = consented_media(here, side, name, USE[side])
                until = media.consent.expires_at.date().isoformat()
                table.add_row(side, name, str(len(media.digests)), f"valid until {until}")
            except (BadInputError, ConsentError) as error:
                table.add_row(side, name, "", str(error))
    stdout.print(table)
