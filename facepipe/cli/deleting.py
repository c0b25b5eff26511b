"""`facepipe remove | sweep | consent revoke | consent list`: people leave, tombstones stay."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from facepipe.cli.console import stderr, stdout
from facepipe.cli.processes import free_dead_slots
from facepipe.cli.surroundings import dagster_instance, store
from facepipe.defs.forgetting import Forgotten, forget
from facepipe.defs.inputs import CONSENT_FILE, USE, consented_media
from facepipe.defs.partitions import SIDES, Side
from facepipe.defs.retention import RUN_DAYS, due, forget_old_runs
from facepipe.defs.retention import sweep as sweep_people
from facepipe.defs.run_logs import logs_of
from facepipe.defs.storage import Store
from facepipe.errors import BadInputError, FacepipeError, SettingsError
from facepipe.provenance.consent import Consent, read_consent
from facepipe.provenance.tombstones import Why
from facepipe.settings import checked_name, retention_days

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
SideOption = Annotated[
    str | None, typer.Option("--side", metavar="identity|target", help="Where both have the name.")
]


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    app.command("remove", help="Delete a person or target and all that was derived.")(remove)
    app.command("sweep")(sweep)


def remove(
    side: Annotated[str, typer.Argument(metavar="identity|target")],
    name: str,
    yes: YesOption = False,
) -> None:
    """Delete a person or target and all that was derived from them."""
    here = store()
    found = _known(here, name, side)
    if not yes:
        typer.confirm(f"Delete {side} {name} and everything made from it?", abort=True)
    _forget_all(here, found, "removed")


def revoke(name: str, side: SideOption = None, yes: YesOption = False) -> None:
    """Take a consent back: delete the person's media and all that was made, and block both."""
    here = store()
    found = _known(here, name, side)
    if side is None and len(found) > 1:
        raise SettingsError(f"{name!r} is an identity and a target; give --side identity|target")
    found += [who for who in _of_the_same_record(here, found[0]) if who not in found]
    listed = ", ".join(f"{one} {other}" for one, other in found)
    if not yes:
        typer.confirm(f"Delete {listed} and everything made from it, for good?", abort=True)
    _forget_all(here, found, "revoked")


def sweep(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Most days after a grant; default: FACEPIPE_RETENTION_DAYS."),
    ] = None,
    run_days: Annotated[
        int, typer.Option(min=1, help="Days to keep runs that made nothing of what is there now.")
    ] = RUN_DAYS,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete whose consent ended or whose days are over, all made from them, and old runs."""
    here, now = store(), datetime.now(UTC)
    found = due(here, now, days or retention_days())
    for one in found:
        say(f"{one.side} {one.name}: {one.reason}")
    if dry_run:
        return
    with dagster_instance() as instance:
        free_dead_slots(instance)
        for done in sweep_people(instance, here, found, now):
            _tell(done)
        runs = forget_old_runs(instance, now - timedelta(days=run_days), logs_of(here.root))
    say(f"{len(found)} people or targets and {runs} old runs deleted")


def show_records() -> None:
    """Show every consent record of the data root, and those that were taken back."""
    here = store()
    for side in SIDES:
        for name in here.input_names(side):
            say(f"{side} {name}: {_state(here, side, name)}")
    for stone in here.tombstones():
        state = f"{stone.why} on {stone.at:%Y-%m-%d}" + ("" if stone.finished else ", unfinished")
        say(f"{stone.side} {stone.name}: {state}; {', '.join(stone.consents) or 'no record'}")


def _state(here: Store, side: Side, name: str) -> str:
    try:
        consented_media(here, side, name, USE[side])
        return f"in force; {described(read_consent(here.input_folder(side, name) / CONSENT_FILE))}"
    except FacepipeError as error:
        return str(error)


def described(record: Consent) -> str:
    """A record in one line."""
    only = f" with {', '.join(record.only_with)} only" if record.only_with else ""
    by = f"signed by key {record.signature.fingerprint}" if record.signature else "not signed"
    return (
        f"{record.subject} agreed to {', '.join(record.scope)}{only} until "
        f"{record.ends_at.isoformat()}; covers {len(record.media)} files; id {record.id}; {by}"
    )


def say(line: str) -> None:
    """Print one line as it is, however long."""
    stdout.print(line, markup=False, highlight=False, soft_wrap=True)


def _known(here: Store, name: str, side: str | None) -> list[tuple[Side, str]]:
    """Where a name is found: as input folder, or as a tombstone of what is to be finished.

    Raises:
        BadInputError: Nowhere, or `side` is none.
    """
    if side is not None and side not in SIDES:
        raise BadInputError(f"{side!r} is neither 'identity' nor 'target'")
    checked_name(name, side or "identity or target")
    sides: list[Side] = [one for one in SIDES if side in (one, None)]
    there: list[tuple[Side, str]] = [(one, name) for one in sides if _is_there(here, one, name)]
    if not there:
        known = ", ".join(other for one in sides for other in here.input_names(one)) or "none"
        raise BadInputError(f"{side or 'identity or target'} {name!r} is unknown; known: {known}")
    return there


def _is_there(here: Store, side: Side, name: str) -> bool:
    stone = here.tombstones().latest(side, name)
    return (
        name in here.input_names(side)
        or (stone is not None and stone.why == "revoked")
        or (here.tombstones().unfinished(side, name) is not None)
    )


def _of_the_same_record(here: Store, who: tuple[Side, str]) -> list[tuple[Side, str]]:
    """Other input folders whose media are there under the record that is taken back."""
    stones = [stone for stone in here.tombstones() if (stone.side, stone.name) == who]
    ids = {consent for stone in stones for consent in stone.consents}
    record = _record(here, *who)
    ids |= {record.id} if record else set[str]()
    return [
        (side, name)
        for side in SIDES
        for name in here.input_names(side)
        if (other := _record(here, side, name)) is not None and other.id in ids
    ]


def _record(here: Store, side: Side, name: str) -> Consent | None:
    try:
        return read_consent(here.input_folder(side, name) / CONSENT_FILE)
    except FacepipeError:
        return None


def _forget_all(here: Store, people: list[tuple[Side, str]], why: Why) -> None:
    with dagster_instance() as instance:
        free_dead_slots(instance)
        for who in people:
            _tell(forget(instance, here, who, why, datetime.now(UTC)))


def _tell(done: Forgotten) -> None:
    stone = done.stone
    say(
        f"{stone.side} {stone.name}: {stone.why} at {stone.at.isoformat(timespec='seconds')}; "
        f"deleted {done.folders} folders of made and unfinished work, {done.runs} runs"
    )
    say("not reached from here: copies outside the data root, such as exports, downloads, backups")
    for line in done.left:
        stderr.print(f"left: {line}", markup=False, highlight=False, soft_wrap=True)
