"""What every asset declares in the same way: partition, group, owner, settings, freshness."""

import dataclasses
import re
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import dagster as dg
import pydantic

from facepipe.defs.automation_condition import in_sync
from facepipe.defs.partitions import IDENTITY, PAIR, TARGET
from facepipe.defs.recipes import read_recipe
from facepipe.defs.storage import Store

SettingsT = TypeVar("SettingsT")
OWNERS = ["team:facepipe"]
ON_REQUEST = ("target/occlusion_masks", "target/xseg_checkpoint", "target/xseg_onnx")
"""Only some targets want these, and they take a training."""
_PARTITIONS = {"identity": IDENTITY, "target": TARGET, "pair": PAIR}


def declared(
    key: str,
    deps: list[str],
    *,
    kinds: set[str],
    description: str,
    settings: type | None = None,
    code_version: str = "1",
    **more: Any,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """`dg.asset` for the asset `key`, whose first part names its group and partitions.

    Args:
        key: The asset's key.
        deps: Keys of what it is made from.
        kinds: What it is made with, as the UI shows it.
        description: What it promises.
        settings: The settings of the room that makes it.
        code_version: Another one makes everything anew.
        more: Further arguments of `dg.asset`.
    """
    group = key.split("/")[0]
    return dg.asset(
        key=key.split("/"),
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        partitions_def=_PARTITIONS[group],
        group_name=group,
        owners=OWNERS,
        kinds=kinds,
        description=description,
        code_version=code_version,
        automation_condition=in_sync(ask_first=group == "pair" or key in ON_REQUEST),
        config_schema=settings_schema(settings) if settings else None,
        **more,
    )


def settings_schema(settings: type) -> Any:
    """A room's settings as the launchpad shows them: defaults, types and meanings."""
    return settings_model(settings).to_config_schema()


def settings_model(settings: type) -> type[dg.Config]:
    """`dg.Config` with the fields of a settings dataclass, described by its docstring."""
    meanings = {
        name: meaning
        for ancestor in reversed(settings.__mro__)
        for name, meaning in _meanings(ancestor.__doc__ or "").items()
    }
    hints = typing.get_type_hints(settings)
    fields: dict[str, Any] = {
        field.name: (
            _launchpad_type(hints[field.name]),
            pydantic.Field(_plain(field.default), description=meanings.get(field.name)),
        )
        for field in dataclasses.fields(settings)
    }
    return pydantic.create_model(f"{settings.__name__}Config", __base__=dg.Config, **fields)


def chosen(context: dg.AssetExecutionContext, store: Store, settings: type[SettingsT]) -> SettingsT:
    """The settings of this run, checked by the room they belong to.

    What the run does not set stays as it was when the asset was made last, so that a schedule, a
    sensor, or a plain run repeats what was chosen once.

    Raises:
        SettingsError: A value is out of range.
    """
    key = context.asset_key.to_user_string()
    place = store.place(key, str(context.partition_key))
    return over_published(place, settings, given_to(context.run, key.replace("/", "__")))


def over_published(place: Path, settings: type[SettingsT], given: Mapping[str, Any]) -> SettingsT:
    """Settings given now, over those of what is published at `place`; raises as `chosen`."""
    known = {field.name for field in dataclasses.fields(cast(Any, settings))}
    published = read_recipe(place)
    before = published["settings"] if published else {}
    kept = {name: value for name, value in before.items() if name in known}
    return settings(**{**kept, **given})


def given_to(run: dg.DagsterRun, op: str) -> dict[str, Any]:
    """The configuration a run gives to one of its steps, without what is left at its default."""
    ops: dict[str, Any] = dict(run.run_config).get("ops", {})  # pyright: ignore[reportAssignmentType]
    return ops.get(op, {}).get("config", {})


def as_recipe(settings: Any) -> dict[str, Any]:
    """Settings as a recipe keeps them."""
    return {name: _plain(value) for name, value in dataclasses.asdict(settings).items()}


def _plain(value: Any) -> Any:
    return [*value] if isinstance(value, tuple) else value


def _launchpad_type(hint: Any) -> Any:
    """Dagster's launchpad knows no `Literal` and no tuple: it gets their plain forms."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return type(inner[0])
    if origin is tuple:
        return list[inner[0]]
    if origin in (typing.Union, types.UnionType):
        return _launchpad_type(inner[0]) | None
    return hint


def _meanings(docstring: str) -> dict[str, str]:
    """What an `Attributes:` section says of each field."""
    _, _, section = docstring.partition("Attributes:")
    entries = re.findall(r"^ {8}(\w+): (.+(?:\n {12}.+)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
