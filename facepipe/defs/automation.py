"""What happens without being asked: new folders are noticed, wanted results are kept fresh."""

import dagster as dg

from facepipe.defs.declaring import ON_REQUEST
from facepipe.defs.inputs import input_event, is_reported
from facepipe.defs.partitions import PARTITIONS, SIDES, names_in
from facepipe.defs.recipes import read_recipe
from facepipe.defs.storage import Store
from facepipe.errors import FacepipeError
from facepipe.swapping.drawing_settings import LORA

_LOOK_EVERY_S = 30


keep_in_sync = dg.AutomationConditionSensorDefinition(
    "keep_in_sync",
    target=dg.AssetSelection.all(include_sources=True),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description="Remakes stale assets by itself. Off at first: training is costly.",
)

OCCLUSION = dg.AssetSelection.assets(*(key.split("/") for key in ON_REQUEST))
identity_job = dg.define_asset_job(
    "identity_job",
    selection=dg.AssetSelection.groups("identity"),
    description="From a person's media to their identity model.",
)
target_job = dg.define_asset_job(
    "target_job",
    selection=dg.AssetSelection.groups("target") - OCCLUSION,
    description="From a target's media to its aligned faces.",
)
occlusion_job = dg.define_asset_job(
    "occlusion_job",
    selection=OCCLUSION,
    description="From a target's aligned faces to the model of what is before them.",
)
pair_job = dg.define_asset_job(
    "pair_job",
    selection=dg.AssetSelection.groups("pair"),
    description="From an identity and a target to the swapped video and its report.",
)


@dg.sensor(
    minimum_interval_seconds=_LOOK_EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Registers new input folders and reports their version when they change.",
)
def media_folders(context: dg.SensorEvaluationContext, store: Store) -> dg.SensorResult:
    """Report each input folder whose content is not the one reported last."""
    events: list[dg.AssetMaterialization] = []
    for side in SIDES:
        for name in store.input_names(side):
            try:
                event = input_event(store, side, name)
            except (FacepipeError, OSError) as error:  # a copy in progress, or nothing to read
                context.log.warning("%s %s: %s", side, name, error)
                continue
            if not is_reported(context.instance, event):
                events.append(event)
    requests = [
        PARTITIONS[side].build_add_request(
            [e.partition for e in events if e.partition and e.asset_key.path[0] == side]
        )
        for side in SIDES
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
    video = dg.AssetKey(["pair", "swapped_video"])
    return [
        dg.RunRequest(partition_key=key, asset_selection=_wanted(store, key))
        for key in sorted(context.instance.get_materialized_partitions(video))
        if all(
            name in store.input_names(side) for side, name in zip(SIDES, names_in(key), strict=True)
        )
    ]


def _wanted(store: Store, partition_key: str) -> list[dg.AssetKey] | None:
    """Everything for a pair that is swapped by its own model; else the video and report alone."""
    recipe = read_recipe(store.place("pair/swapped_video", partition_key))
    if recipe is None or recipe["settings"].get("swapper", LORA) == LORA:
        return None
    return [dg.AssetKey(["pair", name]) for name in ("swapped_video", "swap_report")]
