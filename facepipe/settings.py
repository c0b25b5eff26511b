"""What the surroundings decide: the data root, Dagster's home, and which names are allowed."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from facepipe.errors import PartitionNameError, SettingsError

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]{0,62}"


def checked_name(name: str, kind: str) -> str:
    """`name`, if it may become a partition key and a folder.

    Raises:
        PartitionNameError: It does not match `NAME_PATTERN`.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise PartitionNameError(
            f"{kind} name {name!r} is not allowed: it must match {NAME_PATTERN} "
            f"(1 to 63 of a-z, 0-9, _ and -, the first a letter or digit)"
        )
    return name


def data_root(environment: Mapping[str, str] = os.environ) -> Path:
    """The absolute folder that holds all media, models and assets (`FACEPIPE_DATA`)."""
    return Path(environment.get("FACEPIPE_DATA") or "data").absolute()


def keep_to_owner() -> None:
    """Let all that this process writes from now on be read by its user alone: 0600, folders 0700.

    Files of people are written by many libraries; the process's mask reaches them all, and every
    process it starts.
    """
    os.umask(0o077)


def training_processes(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes train together (`FACEPIPE_PROCESSES`, else 1).

    Raises:
        SettingsError: It is not a number from 1 up.
    """
    given = environment.get("FACEPIPE_PROCESSES") or "1"
    if not given.isdecimal() or int(given) < 1:
        raise SettingsError(f"FACEPIPE_PROCESSES is {given!r}; a number from 1 up is needed")
    return int(given)


def consent_keys(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Whose signatures consent records need (`FACEPIPE_CONSENT_KEYS`): fingerprints, or `any`.

    None where it is not set: unsigned records are accepted then.
    """
    return frozenset(re.split(r"[,\s]+", environment.get("FACEPIPE_CONSENT_KEYS", ""))) - {""}


def retention_days(environment: Mapping[str, str] = os.environ) -> int | None:
    """How many days after a grant data may be kept at most (`FACEPIPE_RETENTION_DAYS`), if set.

    Raises:
        SettingsError: It is not a number from 1 up.
    """
    given = environment.get("FACEPIPE_RETENTION_DAYS")
    if not given:
        return None
    if not given.isdecimal() or int(given) < 1:
        raise SettingsError(f"FACEPIPE_RETENTION_DAYS is {given!r}; a number from 1 up is needed")
    return int(given)


def own_certificate(environment: Mapping[str, str] = os.environ) -> tuple[Path, Path] | None:
    """The user's certificates and private key (`FACEPIPE_CERTIFICATE`, `FACEPIPE_PRIVATE_KEY`).

    Raises:
        SettingsError: Only one of the two is given.
    """
    names = ("FACEPIPE_CERTIFICATE", "FACEPIPE_PRIVATE_KEY")
    given = [environment.get(name) or "" for name in names]
    if not any(given):
        return None
    if not all(given):
        raise SettingsError(f"{names[0]} and {names[1]} are needed together; one is not set")
    return Path(given[0]).expanduser(), Path(given[1]).expanduser()


def dagster_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Where Dagster keeps runs and events (`DAGSTER_HOME`, else `<data root>/.dagster`).

    Raises:
        SettingsError: `DAGSTER_HOME` is relative, which Dagster itself refuses.
    """
    given = environment.get("DAGSTER_HOME")
    if given and not Path(given).is_absolute():
        raise SettingsError(
            f"DAGSTER_HOME is {given!r}: it must be an absolute path, "
            f"such as {Path(given).absolute()}"
        )
    return Path(given) if given else data_root(environment) / ".dagster"
