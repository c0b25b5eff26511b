"""Where every asset of every partition stands: made, stale, missing or failed, and why."""

from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg

# Dagster computes staleness for its UI only; this resolver is what its UI asks, and not public.
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.dagster_run import DagsterRunStatus, RunsFilter

from facepipe.defs.inputs import input_event, is_reported
from facepipe.defs.partitions import Side
from facepipe.defs.recipes import read_recipe
from facepipe.defs.storage import Store
from facepipe.errors import BadInputError, FacepipeError


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
    stale = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    pairs = [f"{one}|{two}" for one in names["identity"] for two in names["target"]]
    partitions = {"identity": names["identity"], "target": names["target"], "pair": pairs}
    for key in graph.toposorted_asset_keys:
        if graph.get(key).is_materializable:
            for partition in partitions[key.path[0]]:
                yield _stand(instance, store, stale, (key, partition))


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
    instance: dg.DagsterInstance,
    store: Store,
    stale: CachingStaleStatusResolver,
    where: tuple[dg.AssetKey, str],
) -> Standing:
    key, partition = where
    name = key.to_user_string()
    failure = _last_failure(instance, key, partition)
    if failure is not None:
        return Standing(name, partition, "failed", failure)
    if read_recipe(store.place(name, partition)) is None:
        return Standing(name, partition, "missing", "")
    causes = stale.get_stale_causes(key, partition)
    if causes:
        why = "; ".join(sorted({f"{c.asset_key.to_user_string()}: {c.reason}" for c in causes}))
        return Standing(name, partition, "stale", why)
    return Standing(name, partition, "made", "")


def _last_failure(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str) -> str | None:
    """Why the newest run of this partition failed at this asset, if it did."""
    runs = instance.get_run_records(RunsFilter(tags={"dagster/partition": partition}), limit=5)
    step = key.to_user_string().replace("/", "__")
    for record in runs:
        run = record.dagster_run
        stats = {stat.step_key: stat for stat in instance.get_run_step_stats(run.run_id)}
        if step not in stats:
            continue
        if run.status is not DagsterRunStatus.FAILURE or not _failed(stats[step]):
            return None
        return _reason(instance, run.run_id, step)
    return None


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
