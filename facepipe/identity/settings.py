"""What can be chosen in this room: which faces count, and what a profile is made of."""

from dataclasses import dataclass
from typing import Literal

from facepipe.errors import SettingsError

EmbedderChoice = Literal["auto", "builtin", "arcface"]
_CHOICES = ("auto", "builtin", "arcface")


@dataclass(frozen=True)
class FacesSettings:
    """Which faces are good enough to learn from, and how the one person is told apart.

    Attributes:
        embedder: What tells people apart: auto (arcface where a file is there), builtin or arcface.
        min_face_px: Longer side of the landmark box in the frame, in pixels, 16 or more.
        min_score: Detection probability, 0 to 1.
        max_yaw_deg: Largest turn to either side, in degrees, up to 90.
        max_pitch_deg: Largest nod up or down, in degrees, up to 90.
        min_sharpness: Least sharpness as a share of the median of the person's faces, 0 to 1.
        max_cut_off: Largest share of a face's points beyond the frame's edge, 0 to 1.
        max_rival: A second person seen in this share of the first one's frames, or more, makes
            the input ambiguous where it must show one person, 0.01 to 1.
        same_person: Mean cosine from which the faces of two tracks are one person's, -1 to 1;
            None takes what suits the embedder.
    """

    embedder: EmbedderChoice = "auto"
    min_face_px: float = 64.0
    min_score: float = 0.5
    max_yaw_deg: float = 60.0
    max_pitch_deg: float = 45.0
    min_sharpness: float = 0.25
    max_cut_off: float = 0.05
    max_rival: float = 0.5
    same_person: float | None = None

    def __post_init__(self) -> None:
        _check_embedder(self.embedder)
        _check_range("min_face_px", self.min_face_px, 16, 10_000)
        for name in ("min_score", "min_sharpness", "max_cut_off"):
            _check_range(name, getattr(self, name), 0, 1)
        _check_range("max_rival", self.max_rival, 0.01, 1)
        for name in ("max_yaw_deg", "max_pitch_deg"):
            _check_range(name, getattr(self, name), 1, 90)
        if self.same_person is not None:
            _check_range("same_person", self.same_person, -1, 1)


@dataclass(frozen=True)
class ProfileSettings:
    """How a profile is drawn from a person's faces.

    Attributes:
        embedder: What turns a face into 512 numbers: auto, builtin or arcface.
        outlier_mads: A face further below the usual cosine than this many (scaled) median absolute
            deviations is left out, 1 or more.
        least_outlier_gap: Nothing nearer than this below the usual cosine is left out, 0 to 1.
        min_prototype_faces: Faces needed for the prototype of a pose, 1 or more.
    """

    embedder: EmbedderChoice = "auto"
    outlier_mads: float = 4.0
    least_outlier_gap: float = 0.1
    min_prototype_faces: int = 3

    def __post_init__(self) -> None:
        _check_embedder(self.embedder)
        _check_range("outlier_mads", self.outlier_mads, 1, 100)
        _check_range("least_outlier_gap", self.least_outlier_gap, 0, 1)
        _check_range("min_prototype_faces", self.min_prototype_faces, 1, 1_000)


def _check_embedder(choice: str) -> None:
    if choice not in _CHOICES:
        raise SettingsError(f"embedder is {choice!r}: it must be one of {', '.join(_CHOICES)}")


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}: it must lie between {least} and {most}")
