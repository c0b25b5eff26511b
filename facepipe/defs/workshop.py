"""Where and with what a training works, what it goes on from, and whom it tells."""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from facepipe.defs import previews
from facepipe.defs.declaring import as_recipe
from facepipe.defs.recipes import RECIPE_FILE, Recipe, continues, read_recipe, take_up
from facepipe.defs.resources import Device
from facepipe.defs.several import trained_by_several
from facepipe.defs.storage import Store, Work
from facepipe.files import flush_tree

_OBSERVE_EVERY_S = 5.0
_NO_PART_OF_THE_RESULT = ("on_change",)


def training_recipe(inputs: Mapping[str, str], settings: Any) -> Recipe:
    """What decides a trained model; more epochs continue it."""
    kept = {k: v for k, v in as_recipe(settings).items() if k not in _NO_PART_OF_THE_RESULT}
    return Recipe(inputs, kept, resumable=("epochs",))


def learnt(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    work: Work,
    device: Device,
    key: dg.AssetKey,
    train: Any,
) -> list[str]:
    """Train, in this process or by as many as the device is to have; notes on what was unusual.

    `train` takes the keyword arguments of `training.identity_model.Work`; its epochs are told as
    those of the asset `key`.
    """
    from facepipe.training.device import DeviceSettings

    where: dict[str, Any] = {
        "device": DeviceSettings(**device.chosen()),
        "scratch": work.scratch,
        "out": work.out,
        "on_epoch": _observer(context, work, key),
        "stop": work.stop,
    }
    if device.processes == 1:
        return train(**where).notes
    return trained_by_several(context, train, where, device.processes)


def prepared(
    context: dg.AssetExecutionContext, store: Store, work: Work, recipe: Recipe, on_change: str
) -> list[str]:
    """Hand an empty scratch folder the published training if that is to be continued.

    Returns:
        A line that says why a published training is not gone on with.
    """
    place = store.place(context.asset_key.to_user_string(), str(context.partition_key))
    published = read_recipe(place)
    if published is None or (work.scratch / "state").is_dir():
        return []
    if on_change == "continue" and (place / "state").is_dir():
        _hand_over(place, work.scratch)
        return []
    changed = [
        name
        for part, now in (("inputs", recipe.inputs), ("settings", recipe.settings))
        for name in sorted({*published[part], *now})
        if published[part].get(name) != now.get(name)
    ]
    return [
        f"starting anew, since this changed: {', '.join(changed) or 'code version'}; the "
        f"{published['settings'].get('epochs')} epochs published so far stay until it is done "
        f"(with on_change=continue it would go on from them)"
    ]


def trials_of(store: Store, key: str, partition: str) -> Path:
    """Where trainings of an asset lie that are compared before one of them becomes the asset.

    By the inputs they have in common, and then by recipe.
    """
    return store.place(f"{key}_trials", partition)


def taken_over(trials: Path, work: Work, published: Path | None = None) -> bool:
    """Whether the same training was finished elsewhere, and is copied to `work.out` from there.

    Else an empty scratch folder gets the longest training there is that this one continues.
    """
    folders = [*sorted(trials.glob("*/*")), *([published] if published else [])]
    made = {folder: recipe for folder in folders if (recipe := read_recipe(folder))}
    for folder, recipe in made.items():
        if recipe["recipe_id"] == work.recipe["recipe_id"]:
            ignore = shutil.ignore_patterns(RECIPE_FILE)
            shutil.copytree(folder, work.out, ignore=ignore, dirs_exist_ok=True)
            return True
    shorter = [folder for folder, recipe in made.items() if continues(recipe, work.recipe)]
    if shorter:
        longest = max(shorter, key=lambda folder: made[folder]["settings"]["epochs"])
        take_up(longest, work.scratch)
    return False


def _hand_over(place: Path, scratch: Path) -> None:
    """Copy a published training, its state last and whole, so that a kill leaves none or all."""
    aside = scratch / ".state"
    shutil.rmtree(aside, ignore_errors=True)
    others = shutil.ignore_patterns(RECIPE_FILE, "state")
    shutil.copytree(place, scratch, ignore=others, dirs_exist_ok=True)
    shutil.copytree(place / "state", aside)
    flush_tree(aside)
    aside.replace(scratch / "state")


def _observer(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, work: Work, key: dg.AssetKey
) -> Callable[[Any], None]:
    """Tell each epoch to the progress bar, and every few seconds to Dagster's live plots."""
    told_s = 0.0

    def on_epoch(report: Any) -> None:
        nonlocal told_s
        work.progress(report.epoch, report.epochs)
        if time.monotonic() - told_s < _OBSERVE_EVERY_S and report.epoch < report.epochs:
            return
        told_s = time.monotonic()
        held_out = {f"held_out_{name}": value for name, value in report.held_out.items()}
        metadata = {"epoch": report.epoch, **report.losses, **held_out, "eta_s": report.eta_s}
        if report.preview is not None and report.preview.is_file():
            metadata["preview"] = previews.picture_file(report.preview)
        context.log_event(
            dg.AssetObservation(key, partition=str(context.partition_key), metadata=metadata)
        )

    return on_epoch
