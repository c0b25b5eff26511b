"""What a pair is for: lora_onnx → swapped_video → swap_report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from facepipe.defs import previews
from facepipe.defs.beforehand import named_models
from facepipe.defs.declaring import as_recipe, chosen, declared
from facepipe.defs.foreign_models import require_its_person
from facepipe.defs.inputs import consented_pair
from facepipe.defs.landmarks import FILE
from facepipe.defs.members import (
    Member,
    as_inputs,
    consents_of,
    digests_of,
    members_of,
    pictures_in,
    swapped_people,
)
from facepipe.defs.occlusion import occluder_of
from facepipe.defs.recipes import Recipe
from facepipe.defs.reported import describe_report, judge_report, report_checks
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store, Work
from facepipe.errors import BadInputError
from facepipe.files import sha256_of
from facepipe.swapping.drawing_settings import LORA
from facepipe.swapping.settings import ReportSettings, SwapSettings

VIDEO = "swapped.mp4"
SWAPPING_CODE = "17"
"""The version of how faces are drawn: another one swaps and reports anew."""
_OF_IDENTITY = {"faces": "identity/faces", "profile": "identity/profile"}
_OF_TARGET = {
    "smoothed_landmarks": "target/smoothed_landmarks",
    "target_faces": "target/faces",
    "people": "target/people",
}


@declared(
    "pair/swapped_video",
    [
        "identity/consent",
        "identity/faces",
        "identity/profile",
        "target/consent",
        "target/media",
        "target/smoothed_landmarks",
        "target/faces",
        "target/people",
        "pair/lora_onnx",
    ],
    kinds={"onnx", "ffmpeg"},
    description="The target's video with the identity's face; frames without the person, "
    "sound and times are as they were.",
    settings=SwapSettings,
    code_version=SWAPPING_CODE,
)
def pair_swapped_video(
    context: dg.AssetExecutionContext, store: Store, device: Device
) -> dg.MaterializeResult[None]:
    """See `description` above."""
    settings = chosen(context, store, SwapSettings)
    foreign = named_models(settings, store.models())
    partition, trained = str(context.partition_key), settings.swapper == LORA
    members = members_of(store, partition, settings.people, _OF_IDENTITY, trained=trained)
    if model := foreign["model"]:
        _require_persons(members, model, context.log)
    pair = members[0].pair
    target = {name: pair.get(key) for name, key in _OF_TARGET.items()}
    occluder, looking = occluder_of(pair, settings.occlusion)

    def make(work: Work) -> None:
        from facepipe.swapping.chunks import ChunkFolder
        from facepipe.swapping.making import Materials, make_swap

        make_swap(
            Materials(
                sources=pair.target.paths,
                landmarks=target["smoothed_landmarks"].path / FILE,
                target_faces=target["target_faces"].path,
                target_people=target["people"].path,
                identities=[_identity_files(member, model) for member in members],
                models=store.models(),
                enhancer=foreign["enhancer"],
                bundle=foreign["bundle"],
                occluder=occluder,
                face_parser=foreign["face_parser"],
                consent_ids=consents_of(members),
                device=device.device,
                threads=device.threads,
            ),
            settings,
            work.out / VIDEO,
            on_progress=work.progress,
            stop=work.stop,
            chunks=ChunkFolder(work.scratch, work.progress.say),
        )

    inputs = {**digests_of(members, target), **pictures_in(pair, settings.people)}
    inputs |= {name: sha256_of(path) for name, path in foreign.items() if path}
    inputs |= looking
    recipe = Recipe({**inputs, **as_inputs(consents_of(members))}, as_recipe(settings))
    return store.build(context, recipe, make, _describe_video)


def _identity_files(member: Member, model: Path | None) -> Any:
    from facepipe.swapping.making import IdentityFiles

    trained = member.made.get("lora_onnx")
    return IdentityFiles(
        name=member.name,
        faces=member.made["faces"].path,
        profile=member.made["profile"].path / "profile.json",
        model=_onnx_in(trained.path) if trained else model,
    )


def _onnx_in(folder: Path) -> Path:
    (path,) = folder.glob("*.onnx")
    return path


def _require_persons(members: list[Member], model: Path, log: dg.DagsterLogManager) -> None:
    """Refuse a model from elsewhere that would draw other people than the identities."""
    from facepipe.swapping.contract import kind_of_model

    if len(members) > 1 and kind_of_model(model) == "dfm":
        names = ", ".join(member.name for member in members)
        raise BadInputError(f"{model}: a DFM draws one person and cannot draw all of {names}")
    for member in members:
        require_its_person(member.pair, model, log)


def _describe_video(folder: Path) -> dict[str, Any]:
    log = pd.read_parquet(folder / "frames.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    return {
        "frames": len(log),
        "frames_swapped": int(log["swapped"].sum()),
        "reasons": previews.table(previews.counts(log["reason"])),
        "disclosure": manifest["settings"]["disclosure"] or "none",
        "video": dg.MetadataValue.path(str(folder / VIDEO)),
        "manifest": dg.MetadataValue.json(manifest),
    }


@declared(
    "pair/swap_report",
    [
        "identity/consent",
        "identity/faces",
        "identity/profile",
        "target/consent",
        "target/media",
        "target/smoothed_landmarks",
        "target/faces",
        "target/people",
        "pair/lora_onnx",
        "pair/swapped_video",
    ],
    kinds={"json", "opencv"},
    description="How good the swap is: numbers, how they went through the film, the worst frames, "
    "and a sheet of target, mesh, model and swap.",
    settings=ReportSettings,
    code_version=SWAPPING_CODE,
    check_specs=report_checks(),
)
def pair_swap_report(
    context: dg.AssetExecutionContext, store: Store, device: Device
) -> Iterator[dg.MaterializeResult[None]]:
    """See `description` above."""
    settings = chosen(context, store, ReportSettings)
    partition = str(context.partition_key)
    swapped = consented_pair(store, partition, "swap").get("pair/swapped_video")
    people = swapped_people(swapped)
    members = members_of(store, partition, people, _OF_IDENTITY, trained=False)
    pair = members[0].pair
    target = {name: pair.get(key) for name, key in _OF_TARGET.items()}

    def make(work: Work) -> None:
        from facepipe.identity.embedding import embedder_of
        from facepipe.identity.profile import Profile
        from facepipe.inference.models import ensure_model
        from facepipe.swapping.reporting import ReportMaterials, make_report

        profiles = {
            member.name: Profile.load(member.made["profile"].path / "profile.json")
            for member in members
        }
        make_report(
            ReportMaterials(
                sources=pair.target.paths,
                landmarks=target["smoothed_landmarks"].path / FILE,
                target_faces=target["target_faces"].path,
                target_people=target["people"].path,
                identity_faces={member.name: member.made["faces"].path for member in members},
                profiles=profiles,
                embedder=embedder_of(profiles[pair.identity_name], store.models()),
                swapped=swapped.path,
                bundle=ensure_model("face_landmarker", store.models()),
            ),
            settings,
            work.out,
            on_progress=work.progress,
            stop=work.stop,
        )

    inputs = {**digests_of(members, target), "swapped_video": swapped.digest}
    recipe = Recipe(inputs, as_recipe(settings))
    yield store.build(
        context,
        recipe,
        make,
        lambda folder: describe_report(folder, settings),
        lambda told: judge_report(told["report"], settings),
    )
