"""What the UI shows of a published asset: read from it once, repeated while it stays the same."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from facepipe.defs.recipes import Recipe

DATA_VERSION = "dagster/data_version"


@dataclass(frozen=True)
class Artifact:
    """A published folder and the digest of its content."""

    path: Path
    digest: str


def newest_event(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str
) -> dg.AssetMaterialization | None:
    """The last materialization of a partition that Dagster knows."""
    found = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1
    )
    return found.records[0].asset_materialization if found.records else None


def told_again(
    context: dg.AssetExecutionContext, artifact: Artifact, read: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """Metadata of an unchanged asset: what was told of the same content last, else `read`'s.

    Reading grows with the length of a clip, and an unchanged asset has nothing new to tell; but
    what was told of a folder that has moved since names paths that are no more.
    """
    last = newest_event(context.instance, context.asset_key, str(context.partition_key))
    if last is not None and (last.tags or {}).get(DATA_VERSION) == artifact.digest:
        folder = last.metadata.get("folder")
        if folder is not None and folder.value == str(artifact.path):
            return dict(last.metadata)
    return read(artifact.path)


def plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata as bare values, whether it was read just now or comes from an event."""
    return {
        name: value.value if isinstance(value, dg.MetadataValue) else value
        for name, value in metadata.items()
    }


def facts(folder: Path, recipe: Recipe, *, reused: bool) -> dict[str, Any]:
    """What is told of every asset alike."""
    return {
        "reused": reused,
        "folder": dg.MetadataValue.path(str(folder)),
        "settings": dg.MetadataValue.json(dict(recipe.settings)),
    }
