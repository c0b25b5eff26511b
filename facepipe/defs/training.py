"""Models: profile → identity checkpoint → ONNX, and per pair: LoRA checkpoint → merged ONNX."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from facepipe.defs.beforehand import check_swap_after
from facepipe.defs.declaring import chosen, declared
from facepipe.defs.foreign_models import model_file
from facepipe.defs.inputs import consented_media, consented_pair
from facepipe.defs.learnt import closer_check, closer_spec, describe_training
from facepipe.defs.names import POOL
from facepipe.defs.recipes import Recipe
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store, Work
from facepipe.defs.trained_under import own_model
from facepipe.defs.workshop import (
    learnt,
    prepared,
    taken_over,
    training_recipe,
    trials_of,
)
from facepipe.files import sha256_of
from facepipe.provenance.digests import IDENTITY_MEDIA
from facepipe.training.settings import IdentityTrainingSettings, LoraTrainingSettings

TRAINING_CODE = "7"
"""The version of the training loop: another one trains anew."""
LORA_CODE = f"{TRAINING_CODE}.3"
"""The loop's version, and that of the mesh swap from which an adapter learns."""


@declared(
    "identity/checkpoint",
    ["identity/consent", "identity/faces", "identity/profile"],
    kinds={"pytorch"},
    description="The identity model: learns to draw this person's face in any pose and light. "
    "Stopped or killed, it goes on from its last epoch; more epochs continue it.",
    settings=IdentityTrainingSettings,
    code_version=TRAINING_CODE,
    pool=POOL,
)
def identity_checkpoint(
    context: dg.AssetExecutionContext, store: Store, device: Device
) -> dg.MaterializeResult[None]:
    """See `description` above."""
    name = context.partition_key
    media = consented_media(store, "identity", name, "train")
    faces = store.get("identity/faces", name, media.digest)
    profile = store.get("identity/profile", name, media.digest)
    settings = chosen(context, store, IdentityTrainingSettings)
    start = model_file(settings.weights, store.models())

    def job() -> Any:
        from facepipe.training.jobs import IdentityJob

        found = replace(settings, weights=str(start)) if start else settings
        return IdentityJob(faces.path, profile.path / "profile.json", store.models(), found)

    inputs = {"media": media.digest, "faces": faces.digest, "profile": profile.digest}
    if start:
        inputs["weights"] = sha256_of(start)
    return trained(context, store, device, (inputs, settings), job)


@declared(
    "identity/onnx",
    ["identity/consent", "identity/checkpoint"],
    kinds={"onnx"},
    description="The identity model in the inswapper contract, equal to torch within 1e-4.",
)
def identity_onnx(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """See `description` above."""
    name = context.partition_key
    media = consented_media(store, "identity", name, "train")
    checkpoint = store.get("identity/checkpoint", name, media.digest)
    inputs = {
        "media": media.digest,
        IDENTITY_MEDIA: media.digest,
        "checkpoint": checkpoint.digest,
        "consent": media.consent.id,
    }

    def make(work: Work) -> None:
        from facepipe.training.export import export_identity

        export_identity(checkpoint.path, work.out, lineage=inputs)

    return store.build(context, Recipe(inputs, {}), make, describe_export)


@declared(
    "pair/lora_checkpoint",
    [
        "identity/consent",
        "identity/checkpoint",
        "identity/faces",
        "identity/profile",
        "target/consent",
        "target/faces",
    ],
    kinds={"pytorch", "safetensors"},
    description="A low-rank adapter that makes the identity model draw the identity on this "
    "target's face. PEFT format; pinned to its base by hash; `best/` is of the epoch with the "
    "lowest loss on held-out faces.",
    settings=LoraTrainingSettings,
    code_version=LORA_CODE,
    pool=POOL,
    check_specs=[closer_spec()],
)
def pair_lora_checkpoint(
    context: dg.AssetExecutionContext, store: Store, device: Device
) -> Iterator[dg.MaterializeResult[None]]:
    """See `description` above."""
    settings = chosen(context, store, LoraTrainingSettings)
    check_swap_after(context, store)
    made_from, job = lora_training(store, str(context.partition_key), settings)
    yield trained(context, store, device, (made_from, settings), job, closer_check)


def lora_training(
    store: Store, partition: str, settings: LoraTrainingSettings
) -> tuple[dict[str, str], Callable[[], Any]]:
    """Digests of what a pair's adapter is made from, and its job, as `trained` takes them.

    Raises:
        ConsentError: A record does not cover the media or their use in training now.
        NotBuiltError: Something of it is not made, or was made from other media, or the identity
            model was trained under another profile.
    """
    pair = consented_pair(store, partition, "train")
    faces, profile = pair.get("identity/faces"), pair.get("identity/profile")
    base = own_model(pair, "identity/checkpoint", profile)
    target_faces = pair.get("target/faces")

    def job() -> Any:
        from facepipe.training.jobs import LoraJob

        who = profile.path / "profile.json"
        return LoraJob(base.path, faces.path, who, target_faces.path, store.models(), settings)

    inputs = {
        "media": pair.digest,
        "checkpoint": base.digest,
        "faces": faces.digest,
        "profile": profile.digest,
        "target_faces": target_faces.digest,
    }
    return inputs, job


@declared(
    "pair/lora_onnx",
    ["identity/consent", "target/consent", "identity/checkpoint", "pair/lora_checkpoint"],
    kinds={"onnx"},
    description="Identity model and adapter merged into one ONNX that InsightFace, FaceFusion "
    "and others load as an inswapper.",
)
def pair_lora_onnx(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """See `description` above."""
    pair = consented_pair(store, str(context.partition_key), "train")
    base, adapter = pair.get("identity/checkpoint"), pair.get("pair/lora_checkpoint")
    inputs = {
        "media": pair.digest,
        IDENTITY_MEDIA: pair.identity.digest,
        "checkpoint": base.digest,
        "lora_checkpoint": adapter.digest,
        **pair.consent_ids,
    }

    def make(work: Work) -> None:
        from facepipe.training.export import export_lora

        name = f"{pair.identity_name}_to_{pair.target_name}_lora"
        export_lora(base.path, adapter.path, work.out, name, inputs)

    return store.build(context, Recipe(inputs, {}), make, describe_export)


def trained(
    context: dg.AssetExecutionContext,
    store: Store,
    device: Device,
    made_from: tuple[Mapping[str, str], Any],
    job: Callable[[], Any],
    check: Callable[[dict[str, Any]], list[dg.AssetCheckResult]] | None = None,
) -> dg.MaterializeResult[None]:
    """Build a trained model, and tell what was out of the ordinary.

    Args:
        context: The asset.
        store: Where it is published.
        device: What it is trained on.
        made_from: Digests of its inputs, and its settings.
        job: Makes what trains with the keyword arguments of `training.identity_model.Work` and
            returns a summary; by several processes, a `training.jobs.Job`.
        check: Results of the asset's checks, from its metadata.
    """
    inputs, settings = made_from
    recipe = training_recipe(inputs, settings)
    trials = trials_of(store, context.asset_key.to_user_string(), str(context.partition_key))
    notes: list[str] = []

    def make(work: Work) -> None:
        if taken_over(trials, work):
            return
        notes.extend(prepared(context, store, work, recipe, settings.on_change))
        notes.extend(learnt(context, work, device, context.asset_key, job()))
        for note in notes:
            context.log.warning("%s", note)

    def describe(folder: Path) -> dict[str, Any]:
        return describe_training(folder) | ({"notes": "\n".join(notes)} if notes else {})

    result = store.build(context, recipe, make, describe, check)
    for told in result.check_results or []:
        if not told.passed:
            context.log.warning("check %s failed: %s", told.check_name, told.description)
    return result


def describe_export(folder: Path) -> dict[str, Any]:
    """Parity, size and lineage of an exported model."""
    (record,) = folder.glob("[!.]*.json")
    facts: dict[str, Any] = json.loads(record.read_text())
    plain = {name: value for name, value in facts.items() if isinstance(value, int | float | str)}
    return plain | {"record": dg.MetadataValue.json(facts)}
