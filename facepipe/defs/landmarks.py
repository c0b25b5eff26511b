"""Landmark assets of both sides: frames → landmarks → smoothed_landmarks."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from facepipe.defs.declaring import as_recipe, chosen, declared
from facepipe.defs.inputs import USE, consented_media
from facepipe.defs.partitions import Side
from facepipe.defs.recipes import Recipe
from facepipe.defs.storage import Store, Work
from facepipe.landmarks.settings import DetectionSettings, SmoothingSettings

FILE = "landmarks.npz"


def _landmarks(side: Side) -> dg.AssetsDefinition:
    @declared(
        f"{side}/landmarks",
        [f"{side}/media", f"{side}/consent", f"{side}/frames"],
        kinds={"mediapipe", "numpy"},
        description="478 points of each face in every frame, in pixels, with track ids; NaN "
        "where no face was seen.",
        settings=DetectionSettings,
    )
    def landmarks(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
        from facepipe.files import sha256_of
        from facepipe.inference.models import ensure_model

        media = consented_media(store, side, context.partition_key, USE[side])
        frames = store.get(f"{side}/frames", context.partition_key, media.digest)
        settings = chosen(context, store, DetectionSettings)
        bundle = ensure_model("face_landmarker", store.models())

        def make(work: Work) -> None:
            from facepipe.landmarks.detection import Clips, detect_to_file

            table = pd.read_parquet(frames.path / "index.parquet")
            clips = Clips(media.folder, media.paths, table)
            detect_to_file(clips, bundle, work.out / FILE, settings, work.progress, work.stop)

        inputs = {"media": media.digest, "frames": frames.digest, "model": sha256_of(bundle)}
        return store.build(context, Recipe(inputs, as_recipe(settings)), make, _describe)

    return landmarks


def _smoothed(side: Side) -> dg.AssetsDefinition:
    @declared(
        f"{side}/smoothed_landmarks",
        [f"{side}/consent", f"{side}/landmarks"],
        kinds={"scipy", "numpy"},
        description="Landmarks without detector tremble: Savitzky-Golay along each unbroken "
        "run of a track, short gaps bridged and marked, cuts never crossed.",
        settings=SmoothingSettings,
        check_specs=[
            dg.AssetCheckSpec(
                "trembles_less",
                asset=[side, "smoothed_landmarks"],
                description="The smoothed points tremble no more than the raw ones.",
            )
        ],
    )
    def smoothed(
        context: dg.AssetExecutionContext, store: Store
    ) -> Iterator[dg.MaterializeResult[None]]:
        media = consented_media(store, side, context.partition_key, USE[side])
        raw = store.get(f"{side}/landmarks", context.partition_key, media.digest)
        settings = chosen(context, store, SmoothingSettings)

        def make(work: Work) -> None:
            from facepipe.landmarks.smoothing import smooth
            from facepipe.landmarks.tracks import Landmarks

            smooth(Landmarks.load(raw.path / FILE), settings).save(work.out / FILE)

        def describe(folder: Path) -> dict[str, Any]:
            from facepipe.landmarks.smoothing import tremble
            from facepipe.landmarks.tracks import Landmarks

            before, after = Landmarks.load(raw.path / FILE), Landmarks.load(folder / FILE)
            trembles = {"tremble_before": tremble(before), "tremble_after": tremble(after)}
            known = {name: value for name, value in trembles.items() if math.isfinite(value)}
            return {
                **known,  # pictures do not tremble: no three of them follow each other
                "frames_bridged": int(after.bridged.any(axis=1).sum()),
                **_describe(folder),
            }

        recipe = Recipe({"media": media.digest, "landmarks": raw.digest}, as_recipe(settings))
        yield store.build(context, recipe, make, describe, _trembles_less)

    return smoothed


def _trembles_less(metadata: dict[str, Any]) -> list[dg.AssetCheckResult]:
    found = {name: value for name, value in metadata.items() if name.startswith("tremble_")}
    passed = found.get("tremble_after", 0.0) <= found.get("tremble_before", 0.0)
    return [dg.AssetCheckResult(check_name="trembles_less", passed=bool(passed), metadata=found)]


def _describe(folder: Path) -> dict[str, Any]:
    from facepipe.landmarks.tracks import NO_TRACK, Landmarks

    landmarks = Landmarks.load(folder / FILE)
    per_frame = landmarks.seen.sum(axis=1)
    tracks = landmarks.track_id[landmarks.track_id != NO_TRACK]
    return {
        "frames": len(per_frame),
        "frames_with_face": int((per_frame > 0).sum()),
        "share_with_face": float((per_frame > 0).mean()),
        "most_faces": int(per_frame.max(initial=0)),
        "tracks": len(set(tracks.tolist())),
    }


identity_landmarks = _landmarks("identity")
target_landmarks = _landmarks("target")
identity_smoothed_landmarks = _smoothed("identity")
target_smoothed_landmarks = _smoothed("target")
