"""What an asset is made from: written beside it, and compared before anything is made again."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from facepipe.defs.partitions import Side
from facepipe.files import flush_tree

RECIPE_FILE = ".recipe.json"
_NOTHING_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
MEDIA = "media"
"""The input of every recipe that names the media at its root."""

OF = "@"
"""Stands between the name of an input and the further identity whose it is: `faces@eve`."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides an asset's content.

    Attributes:
        inputs: Digest of each input.
        settings: The asset's settings.
        resumable: Settings whose change continues the work in scratch instead of starting anew.
    """

    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    resumable: tuple[str, ...] = ()


def read_recipe(folder: Path) -> dict[str, Any] | None:
    """What a published folder was made from, or nothing where none is published, or a damaged one.

    What is published is made anew then. What lies there but cannot be read, because the disk fails
    or belongs to somebody else, is not taken for nothing.

    Raises:
        OSError: The disk could not be read.
    """
    try:
        told = json.loads((folder / RECIPE_FILE).read_bytes())
    except (*_NOTHING_THERE, ValueError, RecursionError):
        return None
    return told if _is_recipe(told) else None


def _is_recipe(told: Any) -> bool:
    """Whether a recipe holds what is always looked at."""
    if not isinstance(told, dict):
        return False
    recipe = cast(dict[str, Any], told)
    kinds = {"inputs": dict, "digest": str, "settings": dict, "recipe_id": str, "scratch_id": str}
    return "inputs" in recipe and all(
        isinstance(recipe[name], kind) for name, kind in kinds.items() if name in recipe
    )


def others_in(recipe: Mapping[str, Any]) -> list[tuple[Side, str]]:
    """The further identities that have a part in what is made by a recipe."""
    return [
        ("identity", name) for name in {key.partition(OF)[2] for key in recipe["inputs"]} if name
    ]


def as_json(recipe: Recipe, code_version: str) -> dict[str, Any]:
    """A recipe as it is written, with the hash of all of it and of what scratch depends on."""
    whole: dict[str, Any] = {
        "code": code_version,
        "inputs": dict(recipe.inputs),
        "settings": dict(recipe.settings),
        "resumable": list(recipe.resumable),
    }
    kept = {
        name: value for name, value in whole["settings"].items() if name not in recipe.resumable
    }
    return {
        **whole,
        "recipe_id": short_hash(whole),
        "scratch_id": short_hash({**whole, "settings": kept}),
    }


def short_hash(value: Mapping[str, Any]) -> str:
    """Sixteen digits that stand for `value`."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def continues(published: dict[str, Any], written: dict[str, Any]) -> bool:
    """Whether a recipe asks for more of what was published: the same, or larger resumable settings.

    Less cannot be had by going on, so it starts anew.
    """
    before, after = published["settings"], written["settings"]
    larger = all(after[name] >= before.get(name, after[name]) for name in written["resumable"])
    return larger and published["scratch_id"] == written["scratch_id"]


def taken_up(place: Path, scratch: Path, written: dict[str, Any]) -> None:
    """Continue in `scratch` from what is published at `place`, if a recipe asks for more of it.

    Unfinished work that is further on already is left as it is.
    """
    published = read_recipe(place)
    if published and continues(published, written):
        take_up(place, scratch)


def take_up(place: Path, scratch: Path) -> None:
    """Continue from what is published at `place`, unless unfinished work is further on already."""
    if (place / "state").is_dir() and not any(scratch.iterdir()):
        unfinished = scratch.with_name("published.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(place, unfinished, ignore=shutil.ignore_patterns(RECIPE_FILE))
        flush_tree(unfinished)
        scratch.rmdir()
        unfinished.replace(scratch)
