"""Run a pair through Dagster: its media to its report, in this process, on the real instance."""

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg

from facepipe.cli.choosing import Chosen
from facepipe.cli.processes import PROCESS_TAG, free_dead_slots, own_process
from facepipe.cli.remembering import partitions_known
from facepipe.cli.surroundings import store
from facepipe.cli.turns import waits_told
from facepipe.defs.beforehand import check_swap
from facepipe.defs.declaring import over_published
from facepipe.defs.inputs import consented_media, consented_pair, input_event, is_reported
from facepipe.defs.members import check_places
from facepipe.defs.names import SWAP
from facepipe.defs.partitions import PARTITIONS, Side, pair_key
from facepipe.defs.progress import Listener, listening
from facepipe.errors import BadInputError
from facepipe.swapping.drawing_settings import LORA
from facepipe.swapping.mapping import identities_in, wished
from facepipe.swapping.settings import TARGET_OCCLUSION, SwapSettings

_EVERYWHERE = ("auto", "cpu")
TRAINED = ("identity/checkpoint", "identity/onnx", "pair/lora_checkpoint", "pair/lora_onnx")


@dataclass(frozen=True)
class Pair:
    """What to run, and with which settings."""

    identity: str
    target: str
    settings: Chosen = field(default_factory=Chosen)
    device: str | None = None


def run_pair(instance: dg.DagsterInstance, pair: Pair, listener: Listener) -> None:
    """Make everything from the media to the swap report that is not there or is stale.

    Of further identities that have a part in the swap, only what it needs is made; the target's
    own occluder only where the swap looks with it.

    Raises:
        FacepipeError: What an asset raised, or an unknown identity or target.
    """
    settings = swap_settings(pair)
    without = () if settings.swapper == LORA else TRAINED
    shown = identities_in(wished(settings.people, pair.identity))
    sides = checked_sides(pair, without, shown[1:])
    check_swap(store(), consented_media(store(), "target", pair.target, "swap"), settings)
    with both_sides(instance, pair, listener, sides, without) as loaded:
        job, key = loaded.resolve_job_def("pair_job"), pair_key(pair.identity, pair.target)
        if settings.people and not without:
            check_places(store(), key, settings)
        if settings.occlusion == TARGET_OCCLUSION:
            run_job(instance, loaded.resolve_job_def("occlusion_job"), pair.target, pair)
        for name in shown[1:] if not without else ():
            other = replace(pair, identity=name)
            run_job(instance, job, pair_key(name, pair.target), other, (SWAP, "pair/swap_report"))
        run_job(instance, job, key, pair, without)


def checked_sides(
    pair: Pair, without: tuple[str, ...] = (), others: Sequence[str] = ()
) -> list[tuple[Side, str]]:
    """The identity, `others` beside it, and the target, each consented to as it will be used.

    Raises:
        BadInputError: One of them is unknown.
        ConsentError: A record does not cover what will be done, alone or together.
    """
    identities = (pair.identity, *others)
    own_occluder = swap_settings(pair).occlusion == TARGET_OCCLUSION
    for name in identities:
        _check_media("identity", name, trains=True)
    _check_media("target", pair.target, trains=not without or own_occluder)
    for name in identities:
        consented_pair(store(), pair_key(name, pair.target), "swap")
    return [*(("identity", name) for name in identities), ("target", pair.target)]


@contextmanager
def both_sides(
    instance: dg.DagsterInstance,
    pair: Pair,
    listener: Listener,
    sides: Sequence[tuple[Side, str]],
    without: tuple[str, ...] = (),
) -> Generator[dg.Definitions]:
    """Make what is stale of `checked_sides`; the definitions, for what comes next.

    Raises:
        FacepipeError: What an asset raised.
    """
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
    """Run a job for one partition; Dagster's own log stays out of the terminal."""
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
    return swap_settings(pair).swapper


def swap_settings(pair: Pair) -> SwapSettings:
    """The swap's settings as given now, over those the pair was swapped with last."""
    place = store().place(SWAP, pair_key(pair.identity, pair.target))
    return over_published(place, SwapSettings, pair.settings.get(SWAP, {}))


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
