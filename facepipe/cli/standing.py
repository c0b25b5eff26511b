"""Where every asset of every partition stands: made, stale, missing, failed or at work, and why.

Staleness is read from the recipes: what an asset was made from, against what lies there now.
Dagster's own answer is for its UI, not public, and blind to changed media of partitioned assets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.storage.dagster_run import DagsterRunStatus

from facepipe.cli.turns import Turn, turns
from facepipe.defs.inputs import CONSENT_FILE, input_event, is_reported, media_digests
from facepipe.defs.partitions import SIDES, Side, names_in
from facepipe.defs.recipes import MEDIA, OF, read_recipe
from facepipe.defs.storage import Store
from facepipe.defs.trials import trial_job
from facepipe.errors import BadInputError, FacepipeError
from facepipe.files import sha256_of
from facepipe.provenance.consent import read_consent
from facepipe.provenance.digests import digest_of_digests

PAIR_INPUTS = {
    "checkpoint": "identity/checkpoint",
    "faces": "identity/faces",
    "profile": "identity/profile",
    "smoothed_landmarks": "target/smoothed_landmarks",
    "target_faces": "target/faces",
    "people": "target/people",
    "lora_checkpoint": "pair/lora_checkpoint",
    "lora_onnx": "pair/lora_onnx",
    "swapped_video": "pair/swapped_video",
    "xseg_onnx": "target/xseg_onnx",
}
"""Which asset an input of a pair's recipe is; a side's inputs are its own assets, mostly."""
_TARGET_INPUTS = {"masks": "target/occlusion_masks", "checkpoint": "target/xseg_checkpoint"}


@dataclass(frozen=True)
class Standing:
    """One asset of one partition."""

    asset: str
    partition: str
    state: str
    why: str


def standing(
    instance: dg.DagsterInstance, store: Store, identity: str | None, target: str | None
) -> Iterator[Standing]:
    """Say how each asset stands, for one identity, one pair, or all.

    Raises:
        BadInputError: The identity or target is unknown.
    """
    from facepipe.definitions import defs

    names: dict[str, list[str]] = {}
    for side, only in _sides(identity, target):
        names[side] = _names(store, side, only)
        for name in names[side]:
            _note_media(instance, store, side, name)
    graph = defs().resolve_asset_graph()
    now = {(turn.asset, turn.partition): turn for turn in turns(instance)}
    pairs = [f"{one}|{two}" for one in names["identity"] for two in names["target"]]
    partitions = {"identity": names["identity"], "target": names["target"], "pair": pairs}
    for key in graph.toposorted_asset_keys:
        if graph.get(key).is_materializable:
            code = graph.get(key).code_version or ""
            for partition in partitions[key.path[0]]:
                turn = now.pop((key.to_user_string(), partition), None)
                yield _at_work(turn) if turn else _stand(instance, store, (key, partition), code)
    yield from map(_at_work, now.values())


def _at_work(turn: Turn) -> Standing:
    return Standing(turn.asset, turn.partition, turn.state, turn.run_and_process)


def _sides(identity: str | None, target: str | None) -> list[tuple[Side, str | None]]:
    return [("identity", identity), ("target", target)]


def _names(store: Store, side: Side, only: str | None) -> list[str]:
    known = store.input_names(side)
    if only is not None and only not in known:
        raise BadInputError(f"{side} {only!r} is unknown; known: {', '.join(known) or 'none'}")
    return [only] if only is not None else known


def _note_media(instance: dg.DagsterInstance, store: Store, side: Side, name: str) -> None:
    try:
        event = input_event(store, side, name)
    except FacepipeError:
        return  # the consent asset says what is wrong with the folder
    instance.add_dynamic_partitions(side, [name])
    if not is_reported(instance, event):
        instance.report_runless_asset_event(event)


def _stand(
    instance: dg.DagsterInstance, store: Store, where: tuple[dg.AssetKey, str], code: str
) -> Standing:
    key, partition = where
    name = key.to_user_string()
    failure = _last_failure(instance, key, partition)
    if failure is not None:
        return Standing(name, partition, "failed", failure)
    try:
        recipe = read_recipe(store.place(name, partition))
        if recipe is None:
            return Standing(name, partition, "missing", "")
        why = list(_changes(store, name, partition, recipe))
    except (FacepipeError, OSError) as error:
        return Standing(name, partition, "stale", str(error))
    if recipe["code"] != code:
        why.append("code version")
    return Standing(name, partition, "stale" if why else "made", ", ".join(why))


def _changes(store: Store, name: str, partition: str, recipe: dict[str, Any]) -> Iterator[str]:
    """The inputs that are not what the asset was made from."""
    for read, digest in recipe["inputs"].items():
        given, _, other = read.partition(OF)
        of = f"{other}|{names_in(partition)[1]}" if other else partition
        now = _now(store, name, of, given)
        if now is not None and now != digest:
            yield f"{read} changed"


def _now(store: Store, name: str, partition: str, given: str) -> str | None:
    """The digest that an input of the asset `name` has now; nothing for one that is no asset."""
    group = name.split("/")[0]
    mine: tuple[Side, ...] = tuple(side for side in SIDES if group in (side, "pair"))
    sides = dict(zip(mine, names_in(partition), strict=True))
    if given == MEDIA:
        media = {side: _media(store, side, who) for side, who in sides.items()}
        return digest_of_digests(dict(media)) if group == "pair" else media[mine[0]]
    if given.endswith("consent"):
        side = mine[-1] if given.startswith("target") else mine[0]
        record = store.input_folder(side, sides[side]) / CONSENT_FILE
        return sha256_of(record) if name.endswith("/consent") else read_consent(record).id
    called = {"pair": PAIR_INPUTS, "target": _TARGET_INPUTS}.get(group, {})
    source = given if group == "pair" else f"{group}/{given}"
    return _digest(store, called.get(given, source), partition)


def _media(store: Store, side: Side, name: str) -> str:
    return digest_of_digests(media_digests(store.input_folder(side, name)))


def _digest(store: Store, key: str, partition: str) -> str | None:
    """The digest of a published input; nothing for one that is no asset, such as a model."""
    sides = dict(zip(SIDES, names_in(partition), strict=False))
    side = key.split("/")[0]
    mine = sides[side] if "|" in partition and side in SIDES else partition
    recipe = read_recipe(store.place(key, mine))
    return recipe["digest"] if recipe else None


def _last_failure(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str | None:
    """Why the newest run of this partition failed at this asset, if it did."""
    step = key.to_user_string().replace("/", "__")
    for run in _last_runs(instance, partition):
        stats = {stat.step_key: stat for stat in instance.get_run_step_stats(run.run_id)}
        if step not in stats:
            continue
        if run.status is not DagsterRunStatus.FAILURE or not _failed(stats[step]):
            return None
        return _reason(instance, run.run_id, step)
    return None


def _last_runs(instance: dg.DagsterInstance, partition: str) -> list[dg.DagsterRun]:
    """The newest five runs of a partition that made assets of it; grids may lie in between."""
    wanted = dg.RunsFilter(tags={"dagster/partition": partition})
    runs = instance.get_runs(wanted, limit=200)
    return [run for run in runs if run.job_name != trial_job.name][:5]


def _failed(stats: object) -> bool:
    status = getattr(stats, "status", None)
    return getattr(status, "value", "") == "FAILURE"


def _reason(instance: dg.DagsterInstance, run_id: str, step: str) -> str:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is not None and event.step_key == step:
            error = event.step_failure_data.error
            cause = (error.cause or error) if error else None
            return " ".join(cause.message.split()) if cause else ""
    return ""
