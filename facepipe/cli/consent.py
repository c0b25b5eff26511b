"""`facepipe consent new | sign | check | revoke | list`: nothing is computed without a record."""

import re
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from facepipe.cli.deleting import described, revoke, say, show_records
from facepipe.errors import SettingsError
from facepipe.provenance.consent import Consent, Use
from facepipe.settings import consent_keys


def register(app: typer.Typer) -> None:
    """Put these commands into the application."""
    consent = typer.Typer(help="Write and check consent records.")
    consent.command("new")(new)
    consent.command("sign")(sign)
    consent.command("check")(check)
    consent.command("revoke")(revoke)
    consent.command("list")(show_records)
    app.add_typer(consent, name="consent")


def new(  # noqa: PLR0913  each is an option of the command
    subject: Annotated[str, typer.Option(help="Who is shown.")],
    scope: Annotated[list[str], typer.Option(help="train, swap, publish; repeat or use commas.")],
    expires: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD.")],
    media: Annotated[list[Path], typer.Option(help="File or folder covered; repeat for more.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write the record.")],
    granted_by: Annotated[str | None, typer.Option(help="Who grants it; default: subject.")] = None,
    contact: Annotated[str, typer.Option(help="How to reach the grantor.")] = "not stated",
    only_with: Annotated[
        list[str],
        typer.Option(
            help="Names of the targets (for an identity; of the identities, for a target) it may "
            "be combined with; repeat for more. Default: any."
        ),
    ] = [],  # noqa: B006  typer reads the default, nothing writes to it
    retention_days: Annotated[
        int | None, typer.Option(help="Days from now when what was made is to be deleted.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--sign", metavar="KEY", help="Sign with this Ed25519 key.")
    ] = None,
) -> None:
    """Write a record of what a person has agreed to, covering media by their hashes."""
    from facepipe.media.probe import list_media
    from facepipe.provenance.consent import new_consent, write_consent

    files = [file for path in media for file in (list_media(path) if path.is_dir() else [path])]
    record = new_consent(
        subject=subject,
        granted_by=granted_by or subject,
        scope=checked_scope(scope),
        expires_at=last_moment(expires),
        media=files,
        contact=contact,
        granted_at=datetime.now(UTC).replace(microsecond=0),
        only_with=only_with,
        retention_days=retention_days,
    )
    write_consent(_signed(record, key) if key else record, output)
    say(f"{output}: covers {len(record.media)} files until {expires}")


def sign(
    file: Path,
    key: Annotated[Path, typer.Option("--key", help="An Ed25519 key, in PEM or OpenSSH form.")],
) -> None:
    """Sign a record with the key of who grants it."""
    from facepipe.provenance.consent import read_consent, write_consent

    record = _signed(read_consent(file), key)
    write_consent(record, file)
    say(f"{file}: {described(record)}")


def _signed(record: Consent, key: Path) -> Consent:
    from facepipe.provenance.consent import sign as sign_record
    from facepipe.provenance.signatures import read_key

    return sign_record(record, read_key(key, lambda: typer.prompt("password", hide_input=True)))


def checked_scope(texts: list[str]) -> list[Use]:
    """Uses given one by one or with commas.

    Raises:
        SettingsError: One is not known.
    """
    words = [word for text in texts for word in re.split(r"[,\s]+", text) if word]
    known = get_args(Use)
    unknown = [word for word in words if word not in known]
    if unknown:
        raise SettingsError(f"--scope {unknown[0]!r} is unknown; known: {', '.join(known)}")
    return cast(list[Use], words)


def check(file: Path) -> None:
    """Read a record and say whether it is in force now."""
    from facepipe.provenance.allowing import check_consent, check_signer
    from facepipe.provenance.consent import read_consent

    record = read_consent(file)
    check_signer(record, consent_keys())
    for use in record.scope:
        check_consent(record, {}, use, datetime.now(UTC))
    say(f"{file}: {described(record)}")


def last_moment(date: str) -> datetime:
    """The end of a day given as `YYYY-MM-DD`, in UTC.

    Raises:
        SettingsError: Not such a date.
    """
    try:
        day = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise SettingsError(f"--expires {date!r} is not a date: give YYYY-MM-DD") from error
    return datetime.combine(day, time(23, 59, 59), UTC)
