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
from facepipe.landmarks.tracks import Landmarks
from facepipe.swapping.beside import PICTURES, PREVIEW, write_pictures, write_preview
from facepipe.swapping.casting import Cast, Spot, cast
from facepipe.swapping.chunks import ChunkFolder
from facepipe.swapping.drawing import DrawingFiles, chosen_swapper
from facepipe.swapping.drawing_settings import MESH
from facepipe.swapping.engaging import TargetFiles, check_all_play, engaged
from facepipe.swapping.film import Film, cut_of, film_of
from facepipe.swapping.manifest import (
    FrameCounts,
    NamedFile,
    PartRecord,
    SwapManifest,
    library_versions,
)
from facepipe.swapping.mapping import wished, wishes_in
from facepipe.swapping.occluding import Lookers, occlusions_by
from facepipe.swapping.settings import GENERAL_OCCLUSION, SwapSettings
from facepipe.swapping.takes import Take
from facepipe.swapping.video import DRAWN, swap_video

MANIFEST, FRAME_LOG = "manifest.json", "frames.parquet"
DRAWN_MOMENTS = 24
"""Of so many swapped faces, spread over the clip, the drawn square is kept for the report."""


@dataclass(frozen=True)
class IdentityFiles:
    """The files of a person whose face is shown.

    Attributes:
        name: of the identity.
        faces: folder of its faces.
        profile: its `profile.json`.
        model: ONNX file in the inswapper contract, or DFM; none for the mesh.
    """

    name: str
    faces: Path
    profile: Path
    model: Path | None = None


@dataclass(frozen=True)
class Materials:
    """The files a swap is made of.

    Attributes:
        sources: the target's media.
        landmarks: the target's smoothed landmarks.
        target_faces: folder of the target's faces; unless asked otherwise, their tracks are the
            person to replace.
        target_people: folder of faces of all of the target's tracks.
        identities: whose faces are shown; the first is the one that the swap is named after.
        models: folder of weights.
        enhancer: ONNX file of a face enhancer, if one is used.
        bundle: MediaPipe's landmark model, if expressions are kept.
        occluder: ONNX file that tells what is before a face; none where nobody looks.
        consent_ids: consent record of the target and of each identity, by what a recipe calls it.
        face_parser: ONNX file of `parsing.FaceParser`; none to do without.
        device: for the models.
        threads: of the CPU for a model; 0 leaves it to the runtime.
    """

    sources: Sequence[Path]
    landmarks: Path
    target_faces: Path
    target_people: Path
    identities: Sequence[IdentityFiles]
    models: Path
    consent_ids: Mapping[str, str]
    enhancer: Path | None = None
    face_parser: Path | None = None
    bundle: Path | None = None
    occluder: Path | None = None
    device: str = "auto"
    threads: int = 0

    @property
    def lookers(self) -> Lookers:
        """What looks at faces."""
        return Lookers(self.face_parser, self.occluder, self.device, self.threads)


def make_swap(
    materials: Materials,
    settings: SwapSettings,
    out: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
    chunks: ChunkFolder | None = None,
) -> SwapManifest:
    """Write the video to `out`; beside it its manifest, the log of frames, masks, drawn squares.

    A preview is written if asked for, and each picture of a target made of pictures. What is
    finished of the video is kept in `chunks`, where the next call goes on.

    Raises:
        StoppedError: `stop` said so.
        NoFaceError: No frame can be swapped, or somebody who was asked for is not there.
        BadInputError: A file is missing, or files do not belong together.
    """
    if stop():
        raise StoppedError("stopped before the first frame; nothing is written")
    landmarks = Landmarks.load(materials.landmarks)
    film = film_of(materials.sources, landmarks, cut_of(settings))
    wishes = wished(settings.people, materials.identities[0].name)
    parts = engaged(_target(materials), landmarks, wishes, settings.same_person)
    casting = cast(film.landmarks, parts, settings)
    check_all_play(casting, wishes)
    swappers = {
        identity.name: chosen_swapper(_drawing(materials, identity), settings)
        for identity in materials.identities
    }
    known = materials.target_faces if settings.occlusion == GENERAL_OCCLUSION else None
    looks = occlusions_by(materials.lookers, parts, known)
    take = Take(film, parts, swappers, _moments(film, casting), looks)
    log = swap_video(take, out, settings, on_progress, stop, chunks)
    if settings.side_by_side:
        write_preview(film, out, out.parent / PREVIEW, stop)
    if film.info.kind == "image":
        write_pictures(take, landmarks, settings, out.parent / PICTURES)
    with whole_file(out.parent / FRAME_LOG) as aside:
        log.to_parquet(aside, index=False)
    manifest = _manifest(materials, settings, out, log, casting)
    manifest.save(out.parent / MANIFEST)
    return manifest


def _target(materials: Materials) -> TargetFiles:
    first = materials.identities[0]
    return TargetFiles(
        materials.target_faces, materials.target_people, first.profile, materials.models
    )


def load_drawn(folder: Path) -> dict[Spot, RgbImage]:
    """The kept squares, in the order of time."""
    drawn: dict[Spot, RgbImage] = {}
    for path in sorted((folder / DRAWN).glob("*.png")):
        frame, role = path.stem.split("_")
        square_rgb = cv2.cvtColor(_read_bgr(path), cv2.COLOR_BGR2RGB)
        drawn[Spot(int(frame), int(role))] = np.asarray(square_rgb, np.uint8)
    return drawn


def _read_bgr(path: Path) -> RgbImage:
    picture = cv2.imread(str(path))
    if picture is None:
        raise BadInputError(f"{path}: not a picture; make the swapped video again")
    return np.asarray(picture, np.uint8)


def _moments(film: Film, casting: Cast) -> frozenset[Spot]:
    frames = len(casting.pts_s)
    swapped = [spot for frame in range(frames) for spot in casting.spots(frame)]
    if not swapped:
        raise NoFaceError(
            f"{film.paths[0]}: none of {frames} frames shows the person "
            f"large enough and turned little enough to be swapped"
        )
    spread = np.linspace(0, len(swapped) - 1, min(DRAWN_MOMENTS, len(swapped)))
    return frozenset(swapped[round(float(place))] for place in spread)


def _drawing(materials: Materials, identity: IdentityFiles) -> DrawingFiles:
    return DrawingFiles(
        faces=identity.faces,
        profile=identity.profile,
        target_faces=materials.target_faces,
        models=materials.models,
        model=identity.model,
        enhancer=materials.enhancer,
        bundle=materials.bundle,
        device=materials.device,
        threads=materials.threads,
    )


def _manifest(
    materials: Materials, settings: SwapSettings, out: Path, log: pd.DataFrame, casting: Cast
) -> SwapManifest:
    drawn_by = () if settings.swapper == MESH else materials.identities
    return SwapManifest(
        video=_named(out),
        sources=[_named(path) for path in materials.sources],
        inputs={
            "landmarks": sha256_of(materials.landmarks),
            "target_faces": sha256_of(materials.target_faces / "faces.npz"),
            **({"enhancer": sha256_of(materials.enhancer)} if materials.enhancer else {}),
            **({"face_parser": sha256_of(parser)} if (parser := materials.face_parser) else {}),
            **({"occluder": sha256_of(materials.occluder)} if materials.occluder else {}),
            **{
                f"{name}@{identity.name}": sha256_of(path)
                for identity in materials.identities
                for name, path in _read_of(identity).items()
            },
        },
        models={identity.name: _named(identity.model) for identity in drawn_by if identity.model},
        consent_ids=dict(sorted(materials.consent_ids.items())),
        settings={**dataclasses.asdict(settings), "people": _people(settings.people)},
        versions=library_versions(),
        frames=FrameCounts.of(log["reason"]),
        parts=[
            PartRecord(
                identity=role.part.identity,
                tracks=sorted(role.part.tracks),
                frames=FrameCounts.of(role.reason),
            )
            for role in casting.roles
        ],
    )


def _people(people: str) -> str:
    """The same text; a reference picture is named by its content, wherever it lies."""
    wishes = [
        dataclasses.replace(wish, path=sha256_of(Path(wish.path))) if wish.path else wish
        for wish in wishes_in(people)
    ]
    return " ".join(map(str, wishes))


def _read_of(identity: IdentityFiles) -> dict[str, Path]:
    return {"profile": identity.profile, "faces": identity.faces / "faces.npz"}


def _named(path: Path) -> NamedFile:
    return NamedFile(name=path.name, sha256=sha256_of(path))
