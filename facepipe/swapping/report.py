"""How good a swap is: numbers over the whole film, and a row for each swapped face."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydantic

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.calm import flicker_ratio
from facepipe.errors import NoFaceError, StoppedError, VerificationError
from facepipe.files import write_whole
from facepipe.identity.embedding import Embedder
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.regions import nearest_error_iod
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.decode import Frame, decode
from facepipe.swapping.casting import Cast, Spot
from facepipe.swapping.film import Film
from facepipe.swapping.manifest import FrameCounts
from facepipe.swapping.metrics import (
    FacePair,
    background_ssim,
    changes,
    face_pair,
    seam_delta_e,
)
from facepipe.swapping.similarity import Similarity


class Mean(pydantic.BaseModel):
    """A mean over the swapped faces."""

    mean: float


class Spread(Mean):
    """A mean over the swapped faces, and the value that 5 % of them fall short of."""

    p5: float


class EmbedderRecord(pydantic.BaseModel):
    """Which embedder the similarities are measured by; others give other numbers."""

    name: str
    version: str
    sha256: str


class Report(pydantic.BaseModel):
    """Quality of a swap; similarities are cosines, -1 to 1, of faces that do not fade.

    Attributes:
        frames: how many were swapped, and why the others were not.
        similarity_to_identity: of swapped faces to the profile of the identity they show.
        similarity_to_target: of swapped faces to the mean face of whom they replace.
        closer_to_identity_share: swapped faces closer to the identity than to the target, 0 to 1.
        background_ssim: structural similarity to the source outside the faces, at most 1.
        seam_delta_e: colour step across the face's outline beyond that of the source, CIE76.
        flicker_ratio: change from frame to frame of the aligned face, swap over target; none
            where no two swapped frames follow each other.
        landmark_error_iod: distance of the swapped face's landmarks from the target's, as a share
            of the eyes' distance; none where no swapped face was found again.
        embedder: what the similarities were measured by.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    frames: FrameCounts
    similarity_to_identity: Spread
    similarity_to_target: Mean
    closer_to_identity_share: float
    background_ssim: float
    seam_delta_e: float
    flicker_ratio: float | None
    landmark_error_iod: float | None
    embedder: EmbedderRecord

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True, eq=False)
class Screening:
    """What is looked at, and by whom.

    Attributes:
        film: the target as it was.
        swapped: the video made of it.
        casting: which faces were swapped in each frame.
        swapped_landmarks: found again in the swapped video.
        identities: `(R, 512)` unit vector of the person that each of the cast's roles shows.
        targets: `(R, 512)` unit vector of the person that each replaces.
        embedder: what all vectors were made by.
    """

    film: Film
    swapped: Path
    casting: Cast
    swapped_landmarks: Landmarks
    identities: FloatArray
    targets: FloatArray
    embedder: Embedder

    def frame_pairs(self) -> Iterator[tuple[Frame, RgbImage]]:
        """Each frame of the film with the swapped video's.

        Raises:
            VerificationError: One has more frames than the other.
        """
        swapped = ahead(decode(self.swapped))
        for source, shown in zip_longest(self.film.frames(), swapped):
            if source is None or shown is None:
                raise VerificationError(
                    f"{self.swapped}: does not have as many frames as {self.film.paths[0]}; "
                    f"make the swapped video again"
                )
            yield source, shown.rgb[: source.rgb.shape[0], : source.rgb.shape[1]]


def build_report(
    screening: Screening,
    counts: FrameCounts,
    on_frame: Callable[[Frame, RgbImage], None] = lambda source, swapped_rgb: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Report, pd.DataFrame]:
    """Measure a swap in one pass over both videos; memory does not grow with their length.

    Args:
        screening: what is looked at.
        counts: as the swap itself counted.
        on_frame: shown every frame of the film and what became of it.
        stop: asked before each frame.

    Returns:
        The report, and a row per swapped face: frame_index, pts_s, role, identity, track_id,
        opacity, similarity_to_identity, similarity_to_target, background_ssim, seam_delta_e,
        source_change, swap_change, landmark_error_iod; NaN where it cannot be measured.

    Raises:
        NoFaceError: No frame was swapped.
        VerificationError: The videos differ in length.
        StoppedError: `stop` said so.
    """
    rows: list[dict[str, Any]] = []
    references = np.concatenate([screening.identities, screening.targets])
    similarity = Similarity(screening.embedder, references)
    before: dict[int, tuple[int, FacePair]] = {}
    for source, swapped_rgb in screening.frame_pairs():
        if stop():
            raise StoppedError(f"stopped after {source.index} frames; no report is written")
        rows += _rows(screening, (source, swapped_rgb), similarity, before)
        on_frame(source, swapped_rgb)
    if not rows:
        raise NoFaceError(f"{screening.swapped}: no frame of it was swapped; nothing to report on")
    table = pd.DataFrame(rows)
    cosines, role = similarity.cosines(), table["role"].to_numpy()
    each, roles = np.arange(len(table)), len(screening.identities)
    table["similarity_to_identity"] = cosines[each, role]
    table["similarity_to_target"] = cosines[each, roles + role]
    return _report(table, counts, screening.embedder), table


def _rows(
    screening: Screening,
    pair: tuple[Frame, RgbImage],
    similarity: Similarity,
    before: dict[int, tuple[int, FacePair]],
) -> list[dict[str, Any]]:
    """A row per swapped face of a frame; `before` holds each role's last face, and takes this."""
    (source, swapped_rgb), casting = pair, screening.casting
    spots = casting.spots(source.index)
    if not spots:
        return []
    swapped_px = np.stack([casting.face_px(spot) for spot in spots])
    kept = background_ssim(source.rgb, swapped_rgb, swapped_px)
    rows: list[dict[str, Any]] = []
    for spot in spots:
        face_px = casting.face_px(spot)
        faces = face_pair(source.rgb, swapped_rgb, face_px)
        earlier = _just_before(before.get(spot.role), source.index, casting)
        similarity.look(swapped_rgb, face_px)
        before[spot.role] = (source.index, faces)
        role = casting.roles[spot.role]
        rows.append(
            {
                "frame_index": source.index,
                "pts_s": source.pts_s,
                "role": spot.role,
                "identity": role.part.identity,
                "track_id": role.track(source.index),
                "opacity": casting.opacity(spot),
                "background_ssim": kept,
                **_measures(screening, spot, faces, earlier),
            }
        )
    return rows


def _just_before(before: tuple[int, FacePair] | None, index: int, casting: Cast) -> FacePair | None:
    """The last swapped face, if it is of the frame before and of the same shot."""
    if before is None or before[0] != index - 1:
        return None
    return before[1] if casting.scene[index] == casting.scene[index - 1] else None


def _measures(
    screening: Screening, spot: Spot, faces: FacePair, earlier: FacePair | None
) -> dict[str, float]:
    change = changes(earlier, faces) if earlier else (np.nan, np.nan)
    found = screening.swapped_landmarks
    near_px = found.points_px[spot.frame][found.seen[spot.frame]]
    return {
        "seam_delta_e": seam_delta_e(faces),
        "source_change": change[0],
        "swap_change": change[1],
        "landmark_error_iod": nearest_error_iod(screening.casting.face_px(spot), near_px),
    }


def _report(table: pd.DataFrame, counts: FrameCounts, embedder: Embedder) -> Report:
    plain = table[table["opacity"] >= min(_WHOLE, table["opacity"].max())]
    to_identity, to_target = plain["similarity_to_identity"], plain["similarity_to_target"]
    source_change = table["source_change"].mean()
    return Report(
        frames=counts,
        similarity_to_identity=Spread(mean=to_identity.mean(), p5=np.percentile(to_identity, 5)),
        similarity_to_target=Mean(mean=to_target.mean()),
        closer_to_identity_share=float((to_identity > to_target).mean()),
        background_ssim=table["background_ssim"].mean(),
        seam_delta_e=table["seam_delta_e"].mean(),
        flicker_ratio=_known(flicker_ratio(table["swap_change"].mean(), source_change)),
        landmark_error_iod=_known(table["landmark_error_iod"].mean()),
        embedder=EmbedderRecord(
            name=embedder.name, version=embedder.version, sha256=embedder.sha256
        ),
    )


_WHOLE = 0.9  # opacity from which a face is meant to be the identity's, not to fade


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
