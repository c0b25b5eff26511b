"""From a swapped video and what it was made of to a report, its table, and two sheets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.notice import Notice
from facepipe.compositing.teacher import MeshTeacher
from facepipe.files import whole_file
from facepipe.identity.company import Company
from facepipe.identity.embedding import Embedder, require_same_embedder
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile, mean_embedding
from facepipe.identity.spherical import mean_direction
from facepipe.landmarks.alignment import NETWORK_PX
from facepipe.landmarks.detection import detect
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.decode import Frame
from facepipe.media.png import save_png
from facepipe.swapping.casting import Cast, Part, cast
from facepipe.swapping.film import Film, cut_of, film_of
from facepipe.swapping.making import FRAME_LOG, MANIFEST, load_drawn
from facepipe.swapping.manifest import SwapManifest
from facepipe.swapping.masks import KeptMasks
from facepipe.swapping.report import Report, build_report
from facepipe.swapping.screening import Look, Screening
from facepipe.swapping.settings import ReportSettings, SwapSettings
from facepipe.swapping.sheet import Moment, contact_sheet, moment_of
from facepipe.swapping.video import MASKS
from facepipe.swapping.worst import Worst

CONTACT_SHEET, WORST_FRAMES = "contact_sheet.png", "worst_frames.png"


@dataclass(frozen=True)
class ReportMaterials:
    """What a report is made of.

    Attributes:
        sources: the target's media.
        landmarks: the target's smoothed landmarks.
        target_faces: folder of the target's faces.
        target_people: folder of faces of all of the target's tracks.
        identity_faces: folder of each identity's faces, by its name.
        profiles: of each identity.
        embedder: what the profiles were made with.
        swapped: folder that `making.make_swap` filled.
        bundle: MediaPipe's landmark model, to look at the swapped video.
    """

    sources: Sequence[Path]
    landmarks: Path
    target_faces: Path
    target_people: Path
    identity_faces: Mapping[str, Path]
    profiles: Mapping[str, Profile]
    embedder: Embedder
    swapped: Path
    bundle: Path


def make_report(
    materials: ReportMaterials,
    settings: ReportSettings,
    out: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Write `report.json`, `frames.parquet` and two sheets of pictures into the folder `out`.

    Raises:
        StoppedError: `stop` said so.
        VerificationError: The swapped video is not of this target.
        BadInputError: A profile was made with another embedder, or a file is missing.
    """
    for profile in materials.profiles.values():
        require_same_embedder(profile, materials.embedder)
    manifest = SwapManifest.load(materials.swapped / MANIFEST)
    video = materials.swapped / manifest.video.name
    film = film_of(
        materials.sources,
        Landmarks.load(materials.landmarks),
        cut_of(SwapSettings(**manifest.settings)),
    )
    total = 2 * len(film.landmarks.frame_index)

    found = detect(
        materials.swapped,
        [video],
        materials.bundle,
        on_progress=lambda done, _: on_progress(done, total),
        stop=stop,
    )
    screening = _screening(materials, film, manifest, found)
    gallery, worst = _Gallery(materials, settings, screening.casting), Worst(settings.worst_frames)

    def on_frame(source: Frame, swapped_rgb: RgbImage) -> None:
        gallery.look(source, swapped_rgb)
        on_progress(total // 2 + source.index + 1, total)

    def on_look(look: Look) -> None:
        if look.face:
            worst.look(look.row, look.face.picture_rgb)

    report, table = build_report(screening, manifest.frames, on_frame, stop, on_look)
    report.save(out / "report.json")
    with whole_file(out / FRAME_LOG) as aside:
        table.to_parquet(aside, index=False)
    save_png(out / CONTACT_SHEET, contact_sheet(gallery.moments))
    save_png(out / WORST_FRAMES, worst.sheet())
    return report


def _screening(
    materials: ReportMaterials, film: Film, manifest: SwapManifest, found: Landmarks
) -> Screening:
    parts = [Part(part.identity, frozenset(part.tracks)) for part in manifest.parts]
    settings = SwapSettings(**manifest.settings)
    return Screening(
        film=film,
        swapped=materials.swapped / manifest.video.name,
        casting=cast(film.landmarks, parts, settings),
        masks=KeptMasks(materials.swapped / MASKS),
        swapped_landmarks=found,
        identities=np.stack([materials.profiles[part.identity].embedding for part in parts]),
        targets=np.stack(_replaced(materials, parts)),
        embedder=materials.embedder,
        notice=Notice(settings.disclosure),
    )


def _replaced(materials: ReportMaterials, parts: list[Part]) -> list[FloatArray]:
    """The unit vector `(512,)` of the person that each part replaces."""
    faces, company = FaceSet.load(materials.target_faces), Company.load(materials.target_people)
    usual = frozenset(faces.track_id.tolist())
    return [
        mean_embedding(faces, materials.embedder)
        if part.tracks & usual
        else _mean_of(materials.embedder.embed(company.faces_of(part.tracks)))
        for part in parts
    ]


def _mean_of(vectors: FloatArray) -> FloatArray:
    return mean_direction(vectors).astype(np.float32)


class _Gallery:
    """Collects the moments of the contact sheet while the frames go by."""

    def __init__(self, materials: ReportMaterials, settings: ReportSettings, casting: Cast) -> None:
        drawn = load_drawn(materials.swapped)
        spread = np.linspace(0, len(drawn) - 1, min(settings.sheet_rows, len(drawn)))
        chosen = {list(drawn)[round(float(place))] for place in spread}
        self._drawn = {spot: drawn[spot] for spot in chosen}
        self._casting = casting
        self._teachers = {
            name: MeshTeacher(FaceSet.load(folder), 2 * NETWORK_PX)
            for name, folder in materials.identity_faces.items()
        }
        self.moments: list[Moment] = []

    def look(self, source: Frame, swapped_rgb: RgbImage) -> None:
        for spot in self._casting.spots(source.index):
            if spot in self._drawn:
                self.moments.append(
                    moment_of(
                        source.pts_s,
                        (source.rgb, swapped_rgb),
                        self._casting.face_px(spot),
                        self._drawn[spot],
                        self._teachers[self._casting.roles[spot.role].part.identity],
                    )
                )
