"""What is before a target's face: occlusion_masks → xseg_checkpoint → xseg_onnx."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from facepipe.defs import previews
from facepipe.defs.declaring import chosen, declared
from facepipe.defs.inputs import ConsentedMedia, ConsentedPair, consented_media
from facepipe.defs.landmarks import FILE
from facepipe.defs.names import POOL
from facepipe.defs.occlusion_general import general_folder, general_model, named_occluder
from facepipe.defs.recipes import Recipe
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store, Work
from facepipe.defs.training import trained
from facepipe.files import sha256_of
from facepipe.provenance.digests import digest_of_digests
from facepipe.swapping.settings import TARGET_OCCLUSION
from facepipe.training.occluder_settings import LESSONS, OccluderTrainingSettings

LABELS = "labels"
LABELS_CODE = "3"
"""The version of what is known of a face without a painted mask."""
_SHOWN = 6


@declared(
    "target/occlusion_masks",
    ["target/consent", "target/smoothed_landmarks", "target/faces"],
    kinds={"opencv"},
    description="Where each of the target's faces is known to show: painted masks and what lies "
    "between them, else the face's outline without what the general occluder doubts.",
    code_version=LABELS_CODE,
)
def target_occlusion_masks(
    context: dg.AssetExecutionContext, store: Store
) -> dg.MaterializeResult[None]:
    """See `description` above."""
    from facepipe.occlusion.keyframes import keyframe_files

    name = context.partition_key
    media = consented_media(store, "target", name, "swap")
    faces = store.get("target/faces", name, media.digest)
    smoothed = store.get("target/smoothed_landmarks", name, media.digest)
    painted = keyframe_files(media.folder)
    general = general_model(store)

    def make(work: Work) -> None:
        from facepipe.identity.face_set import FaceSet
        from facepipe.occlusion.labels import label_faces, save_labels
        from facepipe.occlusion.occluder import Occluder

        found = FaceSet.load(faces.path)
        shares = Occluder(general, "cpu", 1).shares if general else None
        known = _painted(media, smoothed.path / FILE, found)
        labels = label_faces(found.crops_rgb, found.points_px, known, shares)
        save_labels(work.out / LABELS, labels)

    inputs = {"media": media.digest, "faces": faces.digest, "smoothed_landmarks": smoothed.digest}
    if painted:
        inputs["painted"] = digest_of_digests(
            {path.name: sha256_of(path) for path in painted.values()}
        )
    if general:
        inputs["general"] = sha256_of(general)
    return store.build(context, Recipe(inputs, {}), make, _describe_masks)


def _painted(media: ConsentedMedia, landmarks_file: Path, faces: Any) -> dict[int, Any]:
    """Labels of those faces, by row, that lie at or between painted frames of their track."""
    from facepipe.landmarks.tracks import Landmarks
    from facepipe.occlusion.keyframes import between, keyframe_files, keyframe_label

    landmarks = Landmarks.load(landmarks_file)
    first = landmarks.rows_of(media.paths[0].name)
    by_track: dict[int, dict[int, Any]] = {}
    for frame, path in keyframe_files(media.folder).items():
        row = first.start + frame
        for slot in range(landmarks.seen.shape[1]) if row < first.stop else ():
            if landmarks.seen[row, slot]:
                points, size = landmarks.points_px[row, slot], landmarks.size_wh[row]
                mask = keyframe_label(path, points, (int(size[0]), int(size[1])))
                by_track.setdefault(int(landmarks.track_id[row, slot]), {})[frame] = mask
    labels = {
        row: between(by_track.get(int(faces.track_id[row]), {}), int(faces.frame_index[row]))
        for row in range(len(faces))
        if faces.sources[faces.source[row]] == media.paths[0].name
    }
    return {row: label for row, label in labels.items() if label is not None}


def _describe_masks(folder: Path) -> dict[str, Any]:
    pictures = sorted((folder / LABELS).iterdir())
    return {"faces": len(pictures), "thumbnail": previews.picture_strip(pictures)}


@declared(
    "target/xseg_checkpoint",
    ["target/consent", "target/faces", "target/occlusion_masks"],
    kinds={"pytorch"},
    description="A network that tells this target's visible face from what is before it, learnt "
    "from drawn things laid before its own faces. Stopped or killed, it goes on where it was.",
    settings=OccluderTrainingSettings,
    code_version=LESSONS,
    pool=POOL,
)
def target_xseg_checkpoint(
    context: dg.AssetExecutionContext, store: Store, device: Device
) -> dg.MaterializeResult[None]:
    """See `description` above."""
    name = context.partition_key
    media = consented_media(store, "target", name, "train")
    faces = store.get("target/faces", name, media.digest)
    masks = store.get("target/occlusion_masks", name, media.digest)
    settings = chosen(context, store, OccluderTrainingSettings)
    general = general_model(store)
    # what lays things before faces is not shared among processes
    alone = device.model_copy(update={"processes": 1})

    def job() -> Callable[..., Any]:
        from facepipe.identity.face_set import FaceSet
        from facepipe.occlusion.labels import load_labels
        from facepipe.training.occluder_data import hosts_of
        from facepipe.training.occluder_model import train_occluder

        found = FaceSet.load(faces.path)
        hosts = hosts_of(found, load_labels(masks.path / LABELS, len(found)), settings.most_faces)
        start = general_folder(store) if general else None
        return partial(train_occluder, [hosts], settings, start)

    inputs = {"media": media.digest, "faces": faces.digest, "masks": masks.digest}
    if general:
        inputs["general"] = sha256_of(general)
    return trained(context, store, alone, (inputs, settings), job)


@declared(
    "target/xseg_onnx",
    ["target/consent", "target/xseg_checkpoint"],
    kinds={"onnx"},
    description="The occluder as FaceFusion and as DeepFaceLab read it, equal to torch within "
    "1e-4.",
)
def target_xseg_onnx(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """See `description` above."""
    name = context.partition_key
    media = consented_media(store, "target", name, "train")
    checkpoint = store.get("target/xseg_checkpoint", name, media.digest)
    inputs = {
        "media": media.digest,
        "checkpoint": checkpoint.digest,
        "consent": media.consent.id,
    }

    def make(work: Work) -> None:
        from facepipe.training.occluder_export import export_occluder

        export_occluder(checkpoint.path, work.out, inputs)

    def describe(folder: Path) -> dict[str, Any]:
        return {path.stem: path.stat().st_size for path in sorted(folder.glob("*.onnx"))}

    return store.build(context, Recipe(inputs, {}), make, describe)


def occluder_of(pair: ConsentedPair, occlusion: str) -> tuple[Path | None, dict[str, str]]:
    """The file that `occlusion` names for a pair's swap, and its digest for a recipe.

    The target's own is no upstream asset of the swap in Dagster's graph, whose edges hold for every
    pair alike: there, a pair that looks with nothing would be out of date with each new occluder,
    or wait for one. The recipe names it where it is used.

    Raises:
        BadInputError: There is no such file, and no such model.
        NotBuiltError: The target's own is not made, or was made from other media.
        ModelFileError: It is no occluder.
    """
    if occlusion == TARGET_OCCLUSION:
        own = pair.get("target/xseg_onnx")
        return own.path / "facefusion.onnx", {"xseg_onnx": own.digest}
    path = named_occluder(pair.store, occlusion)
    if path is None:
        return None, {}
    from facepipe.occlusion.occluder import read_layout  # loads onnxruntime

    read_layout(path)
    return path, {"occluder": sha256_of(path)}
