"""What happens without being asked: new folders are noticed, wanted results are kept fresh."""

import dagster as dg

from facepipe.defs.inputs import input_event, is_reported
from facepipe.defs.partitions import PARTITIONS, Side
from facepipe.defs.storage import Store, read_recipe
from facepipe.errors import FacepipeError

_SETTLE_S = 30


keep_in_sync = dg.AutomationConditionSensorDefinition(
    "keep_in_sync",
    target=dg.AssetSelection.all(include_sources=True),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Remakes stale assets by itself. Off at first: training is costly.",
)

identity_job = dg.define_asset_job(
    "identity_job",
    selection=dg.AssetSelection.groups("identity"),
    description="From a person's media to their identity model.",
)
target_job = dg.define_asset_job(
    "target_job",
    selection=dg.AssetSelection.groups("target"),
    description="From a target's media to its aligned faces.",
)
pair_job = dg.define_asset_job(
    "pair_job",
    selection=dg.AssetSelection.groups("pair"),
    description="From an identity and a target to the swapped video and its report.",
)


@dg.sensor(
    minimum_interval_seconds=_SETTLE_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers new input folders and reports their version when they change.",
)
def media_folders(context: dg.SensorEvaluationContext, store: Store) -> dg.SensorResult:
    """Report each input folder whose content is not the one reported last."""
    sides: tuple[Side, ...] = ("identity", "target")
    events: list[dg.AssetMaterialization] = []
    for side in sides:
        for name in store.input_names(side):
            try:
                event = input_event(store, side, name)
            except FacepipeError as error:
                context.log.warning("%s %s: %s", side, name, error)
                continue
            if not is_reported(context.instance, event):
                events.append(event)
    requests = [
        PARTITIONS[side].build_add_request(
            [e.partition for e in events if e.partition and e.asset_key.path[0] == side]
        )
        for side in sides
    ]
    return dg.SensorResult(dynamic_partitions_requests=requests, asset_events=events)


@dg.schedule(
    cron_schedule="0 3 * * *",
    job=pair_job,
    default_status=dg.DefaultScheduleStatus.STOPPED,
    description="Remakes each night the pairs that were made once, with the settings they had.",
)
def nightly(context: dg.ScheduleEvaluationContext, store: Store) -> list[dg.RunRequest]:
    """One run for each pair that has a swapped video; what did not change is used again."""
    keys = sorted(
        context.instance.get_materialized_partitions(dg.AssetKey(["pair", "swapped_video"]))
    )
    return [
        dg.RunRequest(run_key=None, partition_key=key, run_config=_last_settings(store, key))
        for key in keys
    ]


def _last_settings(store: Store, partition_key: str) -> dict[str, object]:
    """The run config that repeats the settings a pair was made with."""
    ops: dict[str, object] = {}
    for name in ("lora_checkpoint", "lora_onnx", "swapped_video", "swap_report"):
        recipe = read_recipe(store.place(f"pair/{name}", partition_key))
        if recipe and recipe["settings"]:
            ops[f"pair__{name}"] = {"config": recipe["settings"]}
    return {"ops": ops}
