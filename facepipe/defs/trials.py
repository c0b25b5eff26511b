"""Trials: a pair's adapter trained with other settings, beside its own and not in its place.

A trial is a run of its own, with an observation of the adapter as its result. The same training
asked for as the pair's own afterwards is copied from the trial.
"""

import shutil
from collections.abc import Mapping

import dagster as dg

from facepipe.defs.declaring import given_to, over_published, settings_schema
from facepipe.defs.learnt import describe_training
from facepipe.defs.names import LORA as KEY
from facepipe.defs.names import POOL, TRIAL_STEP, TRIALS
from facepipe.defs.partitions import PAIR
from facepipe.defs.recipes import as_json, short_hash
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store, Work, lock_of
from facepipe.defs.telling import facts
from facepipe.defs.training import LORA_CODE, lora_training
from facepipe.defs.workshop import learnt, taken_over, training_recipe, trials_of
from facepipe.publishing import held
from facepipe.training.settings import LoraTrainingSettings


@dg.op(
    name=TRIAL_STEP,
    config_schema=settings_schema(LoraTrainingSettings),
    out=dg.Out(dg.Nothing),
    pool=POOL,
    description="Trains an adapter beside the pair's own; what is not set is as in that one.",
)
def lora_trial(context: dg.OpExecutionContext, store: Store, device: Device) -> None:
    """See `description` above."""
    partition, key = context.partition_key, dg.AssetKey(KEY.split("/"))
    own = store.place(KEY, partition)
    settings = over_published(own, LoraTrainingSettings, given_to(context.run, TRIAL_STEP))
    inputs, job = lora_training(store, partition, settings)
    recipe = training_recipe(inputs, settings)
    written = as_json(recipe, LORA_CODE)
    which = (TRIALS, f"{partition}|{inputs_id(inputs)}|{written['recipe_id']}")

    def make(work: Work) -> None:
        if not taken_over(trials_of(store, KEY, partition), work, own):
            for note in learnt(context, work, device, key, job()):
                context.log.warning("%s", note)

    with held(lock_of(store.workplace(TRIALS, partition)), f"{TRIALS}[{partition}]"):
        forget_outdated(store, partition, inputs)
        reused = store.made(which, written, make, context.log)
    place = store.place(*which)
    told = {**describe_training(place), **facts(place, recipe, reused=reused)}
    context.log_event(dg.AssetObservation(key, partition=partition, metadata=told))


@dg.job(
    partitions_def=PAIR,
    description="Trains one combination of settings, to be compared: see `facepipe grid`.",
)
def trial_job() -> None:
    """See `description` above."""
    lora_trial()


def inputs_id(inputs: Mapping[str, str]) -> str:
    """A short name for what trials that can be compared have in common."""
    return short_hash({"code": LORA_CODE, "inputs": dict(inputs)})


def forget_outdated(store: Store, partition: str, inputs: Mapping[str, str]) -> None:
    """Delete a pair's trials, finished or not, that were made from anything else than `inputs`."""
    for root in (store.place(TRIALS, partition), store.workplace(TRIALS, partition)):
        for folder in root.glob("*"):
            if folder.name != inputs_id(inputs):
                shutil.rmtree(folder)
