"""Faces of both sides, and the profile of an identity: smoothed_landmarks → faces → profile."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from facepipe.defs import previews
from facepipe.defs.declaring import as_recipe, chosen, declared
from facepipe.defs.inputs import USE, consented_media
from facepipe.defs.landmarks import FILE
from facepipe.defs.partitions import Side
from facepipe.defs.recipes import Recipe
from facepipe.defs.storage import Store, Work
from facepipe.identity.settings import FacesSettings, ProfileSettings


def _faces(side: Side) -> dg.AssetsDefinition:
    @declared(
        f"{side}/faces",
        [f"{side}/media", f"{side}/consent", f"{side}/frames", f"{side}/smoothed_landmarks"],
        kinds={"opencv", "parquet"},
        description="Aligned crops of one person, with transform, pose and quality; each face "
        "left out carries the reason.",
        settings=FacesSettings,
    )
    def faces(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
        from facepipe.identity.embedding import choose_embedder

        media = consented_media(store, side, context.partition_key, USE[side])
        frames = store.get(f"{side}/frames", context.partition_key, media.digest)
        smoothed = store.get(f"{side}/smoothed_landmarks", context.partition_key, media.digest)
        settings = chosen(context, store, FacesSettings)
        embedder = choose_embedder(settings.embedder, store.models())

        def make(work: Work) -> None:
            from facepipe.identity.faces import build_faces
            from facepipe.landmarks.tracks import Landmarks

            faces, rejected = build_faces(
                media.folder,
                Landmarks.load(smoothed.path / FILE),
                pd.read_parquet(frames.path / "index.parquet"),
                settings,
                embedder,
                "only" if side == "identity" else "largest",
            )
            faces.save(work.out, rejected)

        inputs = {
            "media": media.digest,
            "frames": frames.digest,
            "smoothed_landmarks": smoothed.digest,
            "embedder": embedder.sha256,
        }
        return store.build(context, Recipe(inputs, as_recipe(settings)), make, _describe_faces)

    return faces


def _describe_faces(folder: Path) -> dict[str, Any]:
    table = pd.read_parquet(folder / "faces.parquet")
    kept = table[table["reason"] == ""]
    return {
        "faces": len(kept),
        "rejected": previews.table(previews.counts(table.loc[table["reason"] != "", "reason"])),
        "pose": previews.table(kept[["yaw_deg", "pitch_deg", "roll_deg"]].describe().reset_index()),
        "mean_face_px": float(kept["face_px"].mean()),
        "thumbnail": previews.picture_strip(sorted((folder / "crops").iterdir())),
    }


@declared(
    "identity/profile",
    ["identity/consent", "identity/faces"],
    kinds={"json", "insightface"},
    description="Who this is as 512 numbers, with spread, pose prototypes and quality; "
    "readable by WatserFace.",
    settings=ProfileSettings,
)
def identity_profile(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """See `description` above."""
    from facepipe.identity.embedding import choose_embedder

    name = context.partition_key
    media = consented_media(store, "identity", name, "train")
    faces = store.get("identity/faces", name, media.digest)
    settings = chosen(context, store, ProfileSettings)
    embedder = choose_embedder(settings.embedder, store.models())

    def make(work: Work) -> None:
        from facepipe.identity.face_set import FaceSet
        from facepipe.identity.profile import build_profile

        # The grant's own date: a clock would give other bytes for the same inputs.
        created_at = media.consent.granted_at
        profile = build_profile(name, FaceSet.load(faces.path), embedder, settings, created_at)
        profile.save(work.out / "profile.json")

    inputs = {"media": media.digest, "faces": faces.digest, "embedder": embedder.sha256}
    recipe = Recipe(inputs, as_recipe(settings))
    return store.build(context, recipe, make, _describe_profile)


def _describe_profile(folder: Path) -> dict[str, Any]:
    from facepipe.identity.profile import Profile

    stats = Profile.load(folder / "profile.json").quality_stats
    return {
        name: value for name, value in stats.items() if isinstance(value, int | float | str)
    } | {"quality_stats": dg.MetadataValue.json(_without_vectors(stats))}


def _without_vectors(stats: dict[str, Any]) -> dict[str, Any]:
    short = {name: value for name, value in stats.items() if name != "prototypes"}
    return short | {"prototypes": sorted(stats.get("prototypes", {}))}


@declared(
    "target/people",
    ["target/media", "target/consent", "target/smoothed_landmarks"],
    kinds={"opencv", "parquet"},
    description="A few faces of every track, by which a swap tells who is who; one row of "
    "pictures and of the table per track, whose number `facepipe run --map` takes.",
)
def target_people(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """See `description` above."""
    media = consented_media(store, "target", context.partition_key, "swap")
    smoothed = store.get("target/smoothed_landmarks", context.partition_key, media.digest)

    def make(work: Work) -> None:
        from facepipe.identity.company import gather_company
        from facepipe.landmarks.tracks import Landmarks

        gather_company(media.folder, Landmarks.load(smoothed.path / FILE)).save(work.out)

    recipe = Recipe({"media": media.digest, "smoothed_landmarks": smoothed.digest}, {})
    return store.build(context, recipe, make, _describe_people)


def _describe_people(folder: Path) -> dict[str, Any]:
    from facepipe.identity.company import strips_of

    tracks = pd.read_parquet(folder / "tracks.parquet")
    strips = [previews.picture_file(path) for path in strips_of(folder)[:_SHOWN_TRACKS]]
    shown = zip(tracks["track"], strips, strict=False)
    return {
        "tracks": len(tracks),
        "table": previews.table(tracks),
        **{f"track_{track}": strip for track, strip in shown},
    }


_SHOWN_TRACKS = 8
identity_faces = _faces("identity")
target_faces = _faces("target")
