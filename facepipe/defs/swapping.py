"""What a pair is for: lora_onnx → swapped_video → swap_report."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from facepipe.defs import previews
from facepipe.defs.declaring import as_recipe, chosen, declared
from facepipe.defs.foreign_models import LANDMARKER, model_file, require_its_person, swapping_model
from facepipe.defs.inputs import consented_pair
from facepipe.defs.landmarks import FILE
from facepipe.defs.recipes import Recipe
from facepipe.defs.reported import describe_report, judge_report, report_checks
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store, Work
from facepipe.defs.trained_under import own_model
from facepipe.files import sha256_of
from facepipe.swapping.drawing_settings import LORA
from facepipe.swapping.settings import ReportSettings, SwapSettings

VIDEO = "swapped.mp4"
SWAPPING_CODE = "13"
"""The version of how faces are drawn: another one swaps and reports anew."""
_NEEDED = {
    "faces": "identity/faces",
    "profile": "identity/profile",
    "smoothed_landmarks": "target/smoothed_landmarks",
    "target_faces": "target/faces",
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
    pair = consented_pair(store, str(context.partition_key), "swap")
    needed = {name: pair.get(key) for name, key in _NEEDED.items()}
    foreign = {
        "model": swapping_model(settings.swapper, store.models()),
        "enhancer": model_file(settings.enhancer, store.models()),
        "face_parser": model_file(settings.face_parser, store.models()),
        "bundle": model_file(LANDMARKER if settings.expression > 0 else "", store.models()),
    }
    if model := foreign["model"]:
        require_its_person(pair, model, context.log)
    elif settings.swapper == LORA:
        needed["lora_onnx"] = own_model(pair, "pair/lora_onnx", needed["profile"])
        model = _onnx_in(needed["lora_onnx"].path)

    def make(work: Work) -> None:
        from facepipe.swapping.chunks import ChunkFolder
        from facepipe.swapping.making import IdentityFiles, Materials, make_swap

        make_swap(
            Materials(
                sources=pair.target.paths,
                landmarks=needed["smoothed_landmarks"].path / FILE,
                target_faces=needed["target_faces"].path,
                identities=[
                    IdentityFiles(
                        name=pair.identity_name,
                        faces=needed["faces"].path,
                        profile=needed["profile"].path / "profile.json",
                        model=model,
                    )
                ],
                models=store.models(),
                enhancer=foreign["enhancer"],
                bundle=foreign["bundle"],
                consent_ids={
                    "identity": pair.identity.consent.id,
                    "target": pair.target.consent.id,
                },
                face_parser=foreign["face_parser"],
                device=device.device,
                threads=device.threads,
            ),
            settings,
            work.out / VIDEO,
            on_progress=work.progress,
            stop=work.stop,
            chunks=ChunkFolder(work.scratch, work.progress.say),
        )

    inputs = {name: artifact.digest for name, artifact in needed.items()}
    inputs |= {name: sha256_of(path) for name, path in foreign.items() if path}
    recipe = Recipe({"media": pair.digest, **inputs, **pair.consent_ids}, as_recipe(settings))
    return store.build(context, recipe, make, _describe_video)


def _onnx_in(folder: Path) -> Path:
    (path,) = folder.glob("*.onnx")
    return path


def _describe_video(folder: Path) -> dict[str, Any]:
    log = pd.read_parquet(folder / "frames.parquet")
    return {
        "frames": len(log),
        "frames_swapped": int(log["swapped"].sum()),
        "reasons": previews.table(previews.counts(log["reason"])),
        "video": dg.MetadataValue.path(str(folder / VIDEO)),
        "manifest": dg.MetadataValue.json(json.loads((folder / "manifest.json").read_text())),
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
    pair = consented_pair(store, str(context.partition_key), "swap")
    needed = {name: pair.get(key) for name, key in _NEEDED.items()}
    needed["swapped_video"] = pair.get("pair/swapped_video")

    def make(work: Work) -> None:
        from facepipe.identity.embedding import embedder_of
        from facepipe.identity.profile import Profile
        from facepipe.inference.models import ensure_model
        from facepipe.swapping.reporting import ReportMaterials, make_report

        profile = Profile.load(needed["profile"].path / "profile.json")
        make_report(
            ReportMaterials(
                sources=pair.target.paths,
                landmarks=needed["smoothed_landmarks"].path / FILE,
                target_faces=needed["target_faces"].path,
                identity_faces={pair.identity_name: needed["faces"].path},
                profiles={pair.identity_name: profile},
                embedder=embedder_of(profile, store.models()),
                swapped=needed["swapped_video"].path,
                bundle=ensure_model("face_landmarker", store.models()),
            ),
            settings,
            work.out,
            on_progress=work.progress,
            stop=work.stop,
        )

    inputs = {name: artifact.digest for name, artifact in needed.items()}
    recipe = Recipe({"media": pair.digest, **inputs}, as_recipe(settings))
    yield store.build(
        context,
        recipe,
        make,
        lambda folder: describe_report(folder, settings),
        lambda told: judge_report(told["report"], settings),
    )
