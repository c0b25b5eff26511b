"""Media, consent and frames of both sides: media → consent → frames."""

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from facepipe.defs import previews
from facepipe.defs.declaring import OWNERS, as_recipe, chosen, declared
from facepipe.defs.gate import inspect_once
from facepipe.defs.inputs import CONSENT_FILE, USE, consented_media
from facepipe.defs.partitions import PARTITIONS, Side
from facepipe.defs.recipes import Recipe
from facepipe.defs.storage import Store, Work
from facepipe.files import sha256_of
from facepipe.media.settings import FramesSettings

GATE_CODE = "2"
"""The version of what is asked of media: another one asks again."""
_WHOSE = {"identity": "the person whose face is learnt", "target": "the video that is changed"}


def _media_spec(side: Side) -> dg.AssetSpec:
    return dg.AssetSpec(
        [side, "media"],
        partitions_def=PARTITIONS[side],
        group_name=side,
        owners=OWNERS,
        kinds={"video"},
        description=f"The input folder of {_WHOSE[side]}; its version is the hash of its content.",
    )


def _consent(side: Side) -> dg.AssetsDefinition:
    @declared(
        f"{side}/consent",
        [f"{side}/media"],
        kinds={"pydantic"},
        description=f"Proof that {_WHOSE[side]} may be used, and that the media can be decoded; "
        "nothing below runs without it.",
        code_version=GATE_CODE,
    )
    def consent(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
        media = consented_media(store, side, context.partition_key, USE[side])
        record = sha256_of(media.folder / CONSENT_FILE)
        recipe = Recipe({"media": media.digest, "consent": record}, {})

        def make(work: Work) -> None:
            from facepipe.provenance.consent import write_consent

            inspect_once(store, side, context.partition_key, media.paths, media.digest)
            write_consent(media.consent, work.out / "consent.json")

        def describe(_: Path) -> dict[str, Any]:
            consent = media.consent
            files = pd.DataFrame(sorted(media.digests.items()), columns=["file", "sha256"])
            return {
                "subject": consent.subject,
                "scope": ", ".join(consent.scope),
                "expires_at": consent.expires_at.isoformat(),
                "consent_id": consent.id,
                "media": previews.table(files),
            }

        return store.build(context, recipe, make, describe)

    return consent


def _frames(side: Side) -> dg.AssetsDefinition:
    @declared(
        f"{side}/frames",
        [f"{side}/media", f"{side}/consent"],
        kinds={"ffmpeg", "parquet"},
        description="One row per frame, with the reason where it was not selected, and the "
        "selected pictures.",
        settings=FramesSettings,
    )
    def frames(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
        media = consented_media(store, side, context.partition_key, USE[side])
        settings = chosen(context, store, FramesSettings)
        store.get(f"{side}/consent", context.partition_key, media.digest)

        def make(work: Work) -> None:
            from facepipe.media.frames import extract, select, survey

            table = survey(media.folder, media.paths, work.progress, work.stop)
            extract(media.folder, select(table, settings), work.out)

        recipe = Recipe({"media": media.digest}, as_recipe(settings))
        return store.build(context, recipe, make, _describe_frames)

    return frames


def _describe_frames(folder: Path) -> dict[str, Any]:
    table = pd.read_parquet(folder / "index.parquet")
    images = sorted((folder / "images").iterdir())
    reasons = table["reason"].where(~table["selected"], "selected")
    return {
        "frames": len(table),
        "frames_selected": int(table["selected"].sum()),
        "shots": int(table.groupby("source")["scene"].nunique().sum()),
        "reasons": previews.table(previews.counts(reasons)),
        "per_source": previews.table(
            table.groupby("source", as_index=False).agg(
                frames=("frame_index", "size"), selected=("selected", "sum"), end_s=("pts_s", "max")
            )
        ),
        "thumbnail": previews.picture_strip(images),
    }


identity_media = _media_spec("identity")
target_media = _media_spec("target")
identity_consent = _consent("identity")
target_consent = _consent("target")
identity_frames = _frames("identity")
target_frames = _frames("target")
