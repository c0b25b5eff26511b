"""Run a pair through Dagster: its media to its report, in this process, on the real instance."""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import ValidationError

from facepipe.cli.processes import PROCESS_TAG, free_dead_slots, own_process
from facepipe.cli.remembering import partitions_known
from facepipe.cli.surroundings import store
from facepipe.cli.turns import waits_told
from facepipe.defs.foreign_models import swapping_model
from facepipe.defs.inputs import consented_media, consented_pair, input_event, is_reported
from facepipe.defs.members import check_places
from facepipe.defs.partitions import PARTITIONS, Side, pair_key
from facepipe.defs.presets import PRESETS, SETTINGS, SETTINGS_CLASSES
from facepipe.defs.progress import Listener, listening
from facepipe.defs.recipes import read_recipe
from facepipe.errors import BadInputError, SettingsError
from facepipe.swapping.drawing_settings import LORA
from facepipe.swapping.mapping import identities_in, wish_in, wished

_EVERYWHERE = ("auto", "cpu")
TRAINED = ("identity/checkpoint", "identity/onnx", "pair/lora_checkpoint", "pair/lora_onnx")
SWAP = "pair/swapped_video"
Chosen = dict[str, dict[str, Any]]
"""Settings by asset key and option."""


@dataclass(frozen=True)
class Pair:
    """What to run, and with which settings."""

    identity: str
    target: str
    settings: Chosen = field(default_factory=dict)
    device: str | None = None


def choose_settings(preset: str | None, assignments: list[str]) -> Chosen:
    """A preset's settings, with each `KEY.OPTION=VALUE` put over it.

    Raises:
        SettingsError: Unknown preset, key or option, or a value that cannot be used.
    """
    if preset is not None and preset not in PRESETS:
        raise SettingsError(f"preset {preset!r} is unknown; known: {', '.join(PRESETS)}")
    return with_assignments(PRESETS[preset] if preset else {}, assignments)


def with_assignments(preset: Chosen, assignments: list[str]) -> Chosen:
    """Settings, with each `KEY.OPTION=VALUE` put over them.

    Raises:
        SettingsError: Unknown key or option, or a value that cannot be used.
    """
    chosen: Chosen = {key: dict(values) for key, values in preset.items()}
    for assignment in assignments:
        key, option, value = parsed(assignment)
        chosen.setdefault(key, {})[option] = _checked(key, option, value)
    for key, values in chosen.items():
        SETTINGS_CLASSES[key](**values)  # the room refuses what is out of range
    return chosen


def with_places(chosen: Chosen, places: list[str]) -> Chosen:
    """Settings, with each `IDENTITY=PLACE` in the swap's; a picture's path becomes absolute.

    Raises:
        SettingsError: One is not of this form.
    """
    if not places:
        return chosen
    wishes = [wish_in(place) for place in places]
    whole = [replace(w, path=str(Path(w.path).absolute())) if w.path else w for w in wishes]
    swap = {**chosen.get(SWAP, {}), "people": " ".join(map(str, whole))}
    return {**chosen, SWAP: swap}


def parsed(assignment: str) -> tuple[str, str, str]:
    """Key, option and value of `KEY.OPTION=VALUE`.

    Raises:
        SettingsError: It is not of this form, or an unknown key or option.
    """
    name, equals, value = assignment.partition("=")
    key, dot, option = name.rpartition(".")
    if not (equals and dot):
        raise SettingsError(f"--set {assignment!r}: give KEY.OPTION=VALUE, as in {_EXAMPLE}")
    if key not in SETTINGS:
        raise SettingsError(f"--set {name}: unknown key {key!r}; known: {', '.join(SETTINGS)}")
    known = SETTINGS[key].model_fields
    if option not in known:
        raise SettingsError(f"--set {name}: unknown option {option!r}; known: {', '.join(known)}")
    return key, option, value


_EXAMPLE = "pair/lora_checkpoint.epochs=50"


def _checked(key: str, option: str, value: str) -> Any:
    model = SETTINGS[key]
    given: Any = None if value.lower() in {"none", "null"} else value
    try:
        return getattr(model.model_validate({option: given}, strict=False), option)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise SettingsError(f"--set {key}.{option}={value}: {why}") from error


def run_pair(instance: dg.DagsterInstance, pair: Pair, listener: Listener) -> None:
    """Make everything from the media to the swap report that is not there or is stale.

    Of further identities that have a part in the swap, only what it needs is made.

    Raises:
        FacepipeError: What an asset raised, or an unknown identity or target.
    """
    swapper, settings = swapper_of(pair), swap_settings(pair)
    swapping_model(swapper, store().models())
    without = () if swapper == LORA else TRAINED
    shown = identities_in(wished(settings.get("people", ""), pair.identity))
    with both_sides(instance, pair, listener, without, shown[1:]) as loaded:
        job, key = loaded.resolve_job_def("pair_job"), pair_key(pair.identity, pair.target)
        if settings.get("people") and not without:
            check_places(store(), key, settings)
        for name in shown[1:] if not without else ():
            other = replace(pair, identity=name)
            run_job(instance, job, pair_key(name, pair.target), other, (SWAP, "pair/swap_report"))
        run_job(instance, job, key, pair, without)


@contextmanager
def both_sides(
    instance: dg.DagsterInstance,
    pair: Pair,
    listener: Listener,
    without: tuple[str, ...] = (),
    others: Sequence[str] = (),
) -> Generator[dg.Definitions]:
    """Make what is stale of an identity and of a target; the definitions, for what comes next.

    What is stale of `others`, further identities, is made as well.

    Raises:
        FacepipeError: What an asset raised, or an unknown identity or target.
    """
    identities = (pair.identity, *others)
    sides: list[tuple[Side, str]] = [*(("identity", name) for name in identities)]
    sides.append(("target", pair.target))
    for side, name in sides:
        _check_media(side, name, trains=not without or side == "identity")
    for name in identities:
        consented_pair(store(), pair_key(name, pair.target), "swap")
    for side, name in sides:
        _report_media(instance, side, name)
    free_dead_slots(instance)
    from facepipe.definitions import defs

    loaded = defs()  # each call reads every module of the code location anew
    with listening(listener), partitions_known(instance), waits_told(instance, listener):
        for side, name in sides:
            run_job(instance, loaded.resolve_job_def(f"{side}_job"), name, pair, without)
        yield loaded


def run_job(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    partition_key: str,
    pair: Pair,
    without: tuple[str, ...] = (),
) -> None:
    """Run one of the three jobs for one partition; Dagster's own log stays out of the terminal."""
    selected = [
        key for key in job.asset_layer.selected_asset_keys if key.to_user_string() not in without
    ]
    names = {key.to_user_string() for key in selected}
    given = {
        key.replace("/", "__"): values for key, values in pair.settings.items() if key in names
    }
    job.execute_in_process(
        instance=instance,
        partition_key=partition_key,
        asset_selection=sorted(selected),
        run_config=run_config(given, pair.device),
        tags={PROCESS_TAG: own_process()},
    )


def run_config(given: Mapping[str, Mapping[str, Any]], device: str | None) -> dict[str, Any]:
    """The configuration of a run, from what is given to each step."""
    config: dict[str, Any] = {
        "ops": {step: {"config": dict(values)} for step, values in given.items()},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return config | ({"resources": {"device": {"config": {"device": device}}}} if device else {})


def checked_device(device: str | None) -> str | None:
    """The device asked for, or the surroundings' choice, if it is there.

    Raises:
        SettingsError: It is unknown or not there.
    """
    wanted: Any = device or os.environ.get("FACEPIPE_DEVICE") or "auto"
    if wanted not in _EVERYWHERE:  # the others only torch knows, which takes seconds to import
        from facepipe.training.device import DeviceSettings, chosen_device

        chosen_device(DeviceSettings(wanted))
    return device


def swapper_of(pair: Pair) -> str:
    """What draws the faces: as set now, else as the pair was swapped last."""
    return swap_settings(pair).get("swapper", LORA)


def swap_settings(pair: Pair) -> dict[str, Any]:
    """The swap's settings as given now, over those the pair was swapped with last."""
    recipe = read_recipe(store().place(SWAP, pair_key(pair.identity, pair.target)))
    before: dict[str, Any] = recipe["settings"] if recipe else {}
    return {**before, **pair.settings.get(SWAP, {})}


def _check_media(side: Side, name: str, *, trains: bool) -> None:
    """Refuse at once what would be refused hours later."""
    here = store()
    if name not in here.input_names(side):
        known = ", ".join(here.input_names(side)) or "none"
        raise BadInputError(
            f"{side} {name!r} is unknown; known: {known}; add it: facepipe add {side} NAME MEDIA…"
        )
    for use in ("train", "swap") if trains else ("swap",):
        consented_media(here, side, name, use)


def _report_media(instance: dg.DagsterInstance, side: Side, name: str) -> None:
    instance.add_dynamic_partitions(PARTITIONS[side].name or side, [name])
    event = input_event(store(), side, name)
    if not is_reported(instance, event):
        instance.report_runless_asset_event(event)
