"""From files to a swapped video and what is known about it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from facepipe.arrays import RgbImage
from facepipe.errors import BadInputError, NoFaceError, StoppedError
from facepipe.files import sha256_of, whole_file
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile
from facepipe.landmarks.tracks import Landmarks
from facepipe.swapping.casting import cast
from facepipe.swapping.film import Film, film_of
from facepipe.swapping.manifest import FrameCounts, NamedFile, SwapManifest, library_versions
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import MeshSwapper, OnnxSwapper, Swapper
from facepipe.swapping.video import Take, swap_video

MANIFEST, FRAME_LOG, DRAWN = "manifest.json", "frames.parquet", "drawn"
DRAWN_MOMENTS = 24
"""At so many moments, spread over the clip, the drawn square is kept for the report."""


@dataclass(frozen=True)
class Materials:
    """The files a swap is made of.

    Attributes:
        sources: the target's media.
        landmarks: the target's smoothed landmarks.
        target_faces: folder of the target's faces; their tracks are the person to replace.
        identity_faces: folder of the identity's faces.
        profile: the identity's `profile.json`.
        model: ONNX file in the inswapper contract; none for the mesh.
        consent_ids: consent record of each side, by side.
        device: for the model.
        threads: of the CPU for the model; 0 leaves it to the runtime.
    """

    sources: Sequence[Path]
    landmarks: Path
    target_faces: Path
    identity_faces: Path
    profile: Path
    model: Path | None
    consent_ids: Mapping[str, str]
    device: str = "auto"
    threads: int = 0


def make_swap(
    materials: Materials,
    settings: SwapSettings,
    out: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> SwapManifest:
    """Write the video to `out`; beside it its manifest, the log of frames, and drawn squares.

    Raises:
        StoppedError: `stop` said so.
        NoFaceError: No frame can be swapped.
        BadInputError: A file is missing, or files do not belong together.
    """
    if stop():
        raise StoppedError("stopped before the first frame; nothing is written")
    film = film_of(materials.sources, Landmarks.load(materials.landmarks))
    tracks = frozenset(FaceSet.load(materials.target_faces).track_id.tolist())
    kept = _moments(film, tracks, settings)

    def keep(index: int, square_rgb: RgbImage) -> None:
        if index in kept:
            save_drawn(out.parent, index, square_rgb)

    take = Take(film, tracks, _swapper(materials, settings), keep)
    log = swap_video(take, out, settings, on_progress, stop)
    with whole_file(out.parent / FRAME_LOG) as aside:
        log.to_parquet(aside, index=False)
    manifest = _manifest(materials, settings, out, log)
    manifest.save(out.parent / MANIFEST)
    return manifest


def save_drawn(folder: Path, index: int, square_rgb: RgbImage) -> None:
    """Keep the square `(S, S, 3)` drawn for a frame."""
    with whole_file(folder / DRAWN / f"{index:06d}.png") as aside:
        cv2.imwrite(str(aside), cv2.cvtColor(square_rgb, cv2.COLOR_RGB2BGR))


def load_drawn(folder: Path) -> dict[int, RgbImage]:
    """The kept squares by frame number."""
    return {
        int(path.stem): np.asarray(cv2.cvtColor(_read_bgr(path), cv2.COLOR_BGR2RGB), np.uint8)
        for path in sorted((folder / DRAWN).glob("*.png"))
    }


def _read_bgr(path: Path) -> RgbImage:
    picture = cv2.imread(str(path))
    if picture is None:
        raise BadInputError(f"{path}: not a picture; make the swapped video again")
    return np.asarray(picture, np.uint8)


def _moments(film: Film, tracks: frozenset[int], settings: SwapSettings) -> set[int]:
    swapped = np.flatnonzero(cast(film.landmarks, tracks, settings).opacity > 0)
    if not swapped.size:
        raise NoFaceError(
            f"{film.paths[0]}: none of {len(film.landmarks.frame_index)} frames shows the person "
            f"large enough and turned little enough to be swapped"
        )
    spread = np.linspace(0, len(swapped) - 1, min(DRAWN_MOMENTS, len(swapped)))
    return {int(swapped[round(float(place))]) for place in spread}


def _swapper(materials: Materials, settings: SwapSettings) -> Swapper:
    if settings.swapper == "mesh":
        return MeshSwapper(FaceSet.load(materials.identity_faces))
    if materials.model is None:
        raise BadInputError("swapper=lora needs the pair's ONNX model; none was given")
    embedding = Profile.load(materials.profile).embedding
    return OnnxSwapper(materials.model, embedding, materials.device, materials.threads)


def frame_counts(log: pd.DataFrame) -> FrameCounts:
    """Frames in all, swapped, and left alone by reason, from `swap_video`'s table."""
    skipped = log.loc[~log["swapped"], "reason"].value_counts()
    reasons = {str(reason): int(count) for reason, count in sorted(skipped.items())}
    return FrameCounts(total=len(log), swapped=int(log["swapped"].sum()), skipped=reasons)


def _manifest(
    materials: Materials, settings: SwapSettings, out: Path, log: pd.DataFrame
) -> SwapManifest:
    drawn_by_mesh = settings.swapper == "mesh" or materials.model is None
    return SwapManifest(
        video=_named(out),
        sources=[_named(path) for path in materials.sources],
        inputs={
            "landmarks": sha256_of(materials.landmarks),
            "profile": sha256_of(materials.profile),
            "identity_faces": sha256_of(materials.identity_faces / "faces.npz"),
            "target_faces": sha256_of(materials.target_faces / "faces.npz"),
        },
        model=None if drawn_by_mesh or materials.model is None else _named(materials.model),
        consent_ids=dict(sorted(materials.consent_ids.items())),
        settings=dataclasses.asdict(settings),
        versions=library_versions(),
        frames=frame_counts(log),
    )


def _named(path: Path) -> NamedFile:
    return NamedFile(name=path.name, sha256=sha256_of(path))
