"""How good a swap is: numbers over the whole film, and a row for each face in each frame."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pydantic

from facepipe.arrays import RgbImage
from facepipe.compositing.calm import flicker_ratio
from facepipe.errors import NoFaceError
from facepipe.files import write_whole
from facepipe.identity.embedding import Embedder
from facepipe.media.decode import Frame
from facepipe.swapping.manifest import FrameCounts
from facepipe.swapping.screening import Look, Screening, looks
from facepipe.swapping.worst import WHOLE


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


class PersonReport(pydantic.BaseModel):
    """One of several people who were replaced: by whom, in how many frames, how much alike."""

    identity: str
    faces: int
    similarity_to_identity: Spread
    similarity_to_target: Mean
    closer_to_identity_share: float


class Report(pydantic.BaseModel):
    """Quality of a swap; similarities are cosines, -1 to 1, of faces that do not fade.

    Attributes:
        frames: how many were swapped, and why the others were not.
        similarity_to_identity: of swapped faces to the profile of the identity they show.
        similarity_to_target: of swapped faces to the mean face of whom they replace.
        closer_to_identity_share: swapped faces closer to the identity than to the target, 0 to 1.
        background_ssim: structural similarity to the source outside the masks, at most 1.
        seam_delta_e: colour step across the mask's edge beyond that of the source, CIE76.
        seam_delta_e_p95: the step that 5 % of a face's edge exceed; mean over the faces.
        flicker_ratio: change from frame to frame of the aligned face, swap over target; none
            where no two swapped frames follow each other.
        flicker_ratio_calm: the same without grain, under which the flicker of patches may hide.
        landmark_error_iod: distance of the swapped face's landmarks from the target's, as a share
            of the eyes' distance; none where no swapped face was found again.
        found_again_share: swapped faces in which a face is found at its place, 0 to 1; the others
            are no part of the landmark error.
        occluded_share: of the faces' pixels, hidden by something; none where nobody looked.
        mask_leakage: of these, visibly changed by the swap; none where nothing is hidden.
        embedder: what the similarities were measured by.
        people: by number, where several people were replaced.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    frames: FrameCounts
    similarity_to_identity: Spread
    similarity_to_target: Mean
    closer_to_identity_share: float
    background_ssim: float
    seam_delta_e: float | None
    seam_delta_e_p95: float | None
    flicker_ratio: float | None
    flicker_ratio_calm: float | None
    landmark_error_iod: float | None
    found_again_share: float
    occluded_share: float | None
    mask_leakage: float | None
    embedder: EmbedderRecord
    people: dict[str, PersonReport]

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")


def build_report(
    screening: Screening,
    counts: FrameCounts,
    on_frame: Callable[[Frame, RgbImage], None] = lambda source, swapped_rgb: None,
    stop: Callable[[], bool] = lambda: False,
    on_look: Callable[[Look], None] = lambda look: None,
) -> tuple[Report, pd.DataFrame]:
    """Measure a swap in one pass over both videos; memory does not grow with their length.

    Args:
        screening: what is looked at.
        counts: as the swap itself counted.
        on_frame: shown every frame of the film and what became of it.
        stop: asked before each frame.
        on_look: told each row of the table, and shown the face if it was swapped.

    Returns:
        The report, and a row per frame and role: frame_index, pts_s, role, identity, swapped,
        reason (empty where swapped), track_id, opacity, background_ssim (of the frame), and for
        swapped faces similarity_to_identity, similarity_to_target, seam_delta_e,
        seam_delta_e_p95, source_change, swap_change, source_change_calm, swap_change_calm,
        flicker (the swap's change beyond the source's), landmark_error_iod, occluded_share and
        mask_leakage; NaN where it cannot be measured.

    Raises:
        NoFaceError: No frame was swapped.
        VerificationError: The videos differ in length.
        StoppedError: `stop` said so.
    """
    rows: list[dict[str, object]] = []
    for look in looks(screening, on_frame, stop):
        rows.append(look.row)
        on_look(look)
    table = pd.DataFrame(rows)
    swapped = table[table["swapped"]]
    if swapped.empty:
        raise NoFaceError(f"{screening.swapped}: no frame of it was swapped; nothing to report on")
    return _report(swapped, counts, screening.embedder), table


def _report(faces: pd.DataFrame, counts: FrameCounts, embedder: Embedder) -> Report:
    one_each = faces.drop_duplicates("frame_index")
    hidden = faces["occluded_share"]
    alike = _alike(faces)
    return Report(
        frames=counts,
        similarity_to_identity=alike.similarity_to_identity,
        similarity_to_target=alike.similarity_to_target,
        closer_to_identity_share=alike.closer_to_identity_share,
        background_ssim=one_each["background_ssim"].mean(),
        seam_delta_e=_known(faces["seam_delta_e"].mean()),
        seam_delta_e_p95=_known(faces["seam_delta_e_p95"].mean()),
        flicker_ratio=_flicker(faces, ""),
        flicker_ratio_calm=_flicker(faces, "_calm"),
        landmark_error_iod=_known(faces["landmark_error_iod"].mean()),
        found_again_share=float(faces["landmark_error_iod"].notna().mean()),
        occluded_share=_known(hidden.mean()),
        mask_leakage=_known((faces["mask_leakage"] * hidden).sum() / hidden.sum())
        if hidden.sum()
        else None,
        embedder=EmbedderRecord(
            name=embedder.name, version=embedder.version, sha256=embedder.sha256
        ),
        people=_people(faces),
    )


def _people(faces: pd.DataFrame) -> dict[str, PersonReport]:
    by_role = list(faces.groupby("role"))
    return {str(role): _alike(own) for role, own in by_role} if len(by_role) > 1 else {}


def _alike(faces: pd.DataFrame) -> PersonReport:
    """How much alike those faces are that do not fade; all, where all do."""
    plain = faces[faces["opacity"] >= min(WHOLE, faces["opacity"].max())]
    to_identity, to_target = plain["similarity_to_identity"], plain["similarity_to_target"]
    return PersonReport(
        identity=str(faces["identity"].iloc[0]),
        faces=len(faces),
        similarity_to_identity=Spread(mean=to_identity.mean(), p5=np.percentile(to_identity, 5)),
        similarity_to_target=Mean(mean=to_target.mean()),
        closer_to_identity_share=float((to_identity > to_target).mean()),
    )


def _flicker(faces: pd.DataFrame, kind: str) -> float | None:
    source, swap = (faces[f"{side}_change{kind}"].mean() for side in ("source", "swap"))
    return _known(flicker_ratio(swap, source))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
