"""What Dagster asks its database for over and over, remembered while one command runs.

Three runs over 17 unchanged assets open its SQLite files 1400 times, each time with a new engine
that compiles every statement anew, and ask 220 times whether the same two partitions exist. That
is a third of what such a command takes. Nothing of what is written changes.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import dagster as dg


@contextmanager
def engines_kept() -> Generator[None]:
    """Within the block the event log keeps one engine for each of its files.

    Dagster's engines hold no open connection (`NullPool`), so that keeping one keeps no lock.
    """
    from dagster._core.storage.event_log.sqlite import sqlite_event_log

    names = sqlite_event_log.__dict__
    create = names["create_engine"]
    engines: dict[str, Any] = {}

    def kept(url: str, **options: Any) -> Any:
        if url not in engines:
            engines[url] = create(url, **options)
        return engines[url]

    names["create_engine"] = kept
    try:
        yield
    finally:
        names["create_engine"] = create


@contextmanager
def partitions_known(instance: dg.DagsterInstance) -> Generator[None]:
    """Within the block a partition that was there once is taken to be there still."""
    ask, known = instance.has_dynamic_partition, set[tuple[str, str]]()

    def is_there(partitions_def_name: str, partition_key: str) -> bool:
        asked = (partitions_def_name, partition_key)
        if asked not in known and ask(partitions_def_name, partition_key):
            known.add(asked)
        return asked in known

    vars(instance)["has_dynamic_partition"] = is_there
    try:
        yield
    finally:
        del vars(instance)["has_dynamic_partition"]
