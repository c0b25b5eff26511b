"""Look at target and swap side by side, frame by frame: a row of measures for each face."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.notice import Notice
from facepipe.errors import StoppedError, VerificationError
from facepipe.identity.embedding import ARCFACE_PX, Embedder
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.alignment import arcface_transform, cut
from facepipe.landmarks.regions import five_points, nearest_error_iod
from facepipe.landmarks.tracks import NO_TRACK, Landmarks
from facepipe.media.decode import Frame, decode
from facepipe.swapping.casting import Cast, Spot
from facepipe.swapping.film import Film
from facepipe.swapping.masks import FaceMasks
from facepipe.swapping.metrics import (
    FacePair,
    background_ssim,
    changes,
    face_pair,
    leakage,
    seam_delta_e,
)
from facepipe.swapping.worst import side_by_side

_EMBEDDED_AT_ONCE = 16


@dataclass(frozen=True, eq=False)
class Screening:
    """What is looked at, and by whom.

    Attributes:
        film: the target as it was.
        swapped: the video made of it.
        casting: which faces were swapped in each frame.
        masks: how much of each face's swap was shown.
        swapped_landmarks: found again in the swapped video.
        identities: `(R, 512)` unit vector of the person that each of the cast's roles shows.
        targets: `(R, 512)` unit vector of the person that each replaces.
        embedder: what all vectors were made by.
        notice: the text on every frame of the swap, which no measure is to count.
    """

    film: Film
    swapped: Path
    casting: Cast
    masks: Mapping[Spot, FaceMasks]
    swapped_landmarks: Landmarks
    identities: FloatArray
    targets: FloatArray
    embedder: Embedder
    notice: Notice = field(default_factory=lambda: Notice(""))

    def frame_pairs(self) -> Iterator[tuple[Frame, RgbImage]]:
        """Each frame of the film with the swapped video's; the notice is on both.

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
            source = replace(source, rgb=self.notice.on(source.rgb))
            yield source, shown.rgb[: source.rgb.shape[0], : source.rgb.shape[1]]


@dataclass(frozen=True, eq=False)
class SwappedFace:
    """What is seen of a swapped face.

    Attributes:
        aligned_rgb: `(112, 112, 3)` for an embedder.
        picture_rgb: `(200, 400, 3)` target and swap beside each other.
    """

    aligned_rgb: RgbImage
    picture_rgb: RgbImage


@dataclass(frozen=True, eq=False)
class Look:
    """A role in one frame.

    Attributes:
        row: its row of the table; of a frame that was left alone it holds little but the reason.
        face: as it is seen, if it was swapped.
    """

    row: dict[str, Any]
    face: SwappedFace | None


def looks(
    screening: Screening,
    on_frame: Callable[[Frame, RgbImage], None],
    stop: Callable[[], bool],
) -> Iterator[Look]:
    """Every role in every frame, its measures complete; memory does not grow with the film.

    Raises:
        VerificationError: The videos differ in length.
        StoppedError: `stop` said so, before a frame.
    """
    coming = _unembedded(screening, on_frame, stop)
    while group := list(islice(coming, _EMBEDDED_AT_ONCE)):
        _add_similarities(screening, group)
        yield from group


def _add_similarities(screening: Screening, group: list[Look]) -> None:
    swapped = [(look.row, look.face) for look in group if look.face]
    if not swapped:
        return
    vectors = screening.embedder.embed(np.stack([face.aligned_rgb for _, face in swapped]))
    for (row, _), vector in zip(swapped, vectors, strict=True):
        row["similarity_to_identity"] = float(vector @ screening.identities[row["role"]])
        row["similarity_to_target"] = float(vector @ screening.targets[row["role"]])


def _unembedded(
    screening: Screening,
    on_frame: Callable[[Frame, RgbImage], None],
    stop: Callable[[], bool],
) -> Iterator[Look]:
    before: dict[int, tuple[int, FacePair]] = {}
    for source, swapped_rgb in screening.frame_pairs():
        if stop():
            raise StoppedError(f"stopped after {source.index} frames; no report is written")
        yield from _frame_looks(screening, (source, swapped_rgb), before)
        on_frame(source, swapped_rgb)


def _frame_looks(
    screening: Screening,
    pair: tuple[Frame, RgbImage],
    before: dict[int, tuple[int, FacePair]],
) -> Iterator[Look]:
    """Each role in a frame; `before` holds each role's last swapped face, and takes this one."""
    (source, swapped_rgb), casting = pair, screening.casting
    spots = casting.spots(source.index)
    masked = [(casting.face_px(spot), screening.masks[spot].shown) for spot in spots]
    kept = background_ssim(source.rgb, swapped_rgb, masked)
    for number, role in enumerate(casting.roles):
        spot = Spot(source.index, number)
        row: dict[str, Any] = {
            "frame_index": source.index,
            "pts_s": source.pts_s,
            "role": number,
            "identity": role.part.identity,
            "swapped": spot in spots,
            "reason": role.reason[source.index],
            "track_id": role.track(source.index) if spot in spots else NO_TRACK,
            "opacity": casting.opacity(spot),
            "background_ssim": kept,
        }
        if spot not in spots:
            yield Look(row, None)
            continue
        face_px = casting.face_px(spot)
        faces = face_pair(source.rgb, swapped_rgb, face_px, screening.masks[spot])
        earlier = _just_before(before.get(number), source.index, casting)
        before[number] = (source.index, faces)
        found = _found_again(screening.swapped_landmarks, source.index, face_px)
        aligned_rgb = cut(swapped_rgb, arcface_transform(five_points(face_px)), ARCFACE_PX)
        picture_rgb = side_by_side((source.rgb, swapped_rgb), face_px)
        measures = {**_measures(faces, earlier), "landmark_error_iod": found}
        yield Look({**row, **measures}, SwappedFace(aligned_rgb, picture_rgb))


def _just_before(before: tuple[int, FacePair] | None, index: int, casting: Cast) -> FacePair | None:
    """The last swapped face, if it is of the frame before and of the same shot."""
    if before is None or before[0] != index - 1:
        return None
    return before[1] if casting.scene[index] == casting.scene[index - 1] else None


def _measures(faces: FacePair, earlier: FacePair | None) -> dict[str, float]:
    seam, hardest = seam_delta_e(faces)
    occluded, leaked = leakage(faces)
    found = {
        "seam_delta_e": seam,
        "seam_delta_e_p95": hardest,
        "occluded_share": occluded,
        "mask_leakage": leaked,
    }
    if earlier is None:
        return {**found, **dict.fromkeys(CHANGES, np.nan)}
    change = changes(earlier, faces)
    return {
        **found,
        "source_change": change.source,
        "swap_change": change.swap,
        "source_change_calm": change.source_calm,
        "swap_change_calm": change.swap_calm,
        "flicker": change.swap - change.source,
    }


CHANGES = ("source_change", "swap_change", "source_change_calm", "swap_change_calm", "flicker")
"""Columns that compare a face with the one of the frame before."""


def _found_again(landmarks: Landmarks, index: int, face_px: FloatArray) -> float:
    """Landmark error of the found face nearest to where it should be; NaN where none is near."""
    return nearest_error_iod(face_px, landmarks.points_px[index][landmarks.seen[index]])
