"""The room's settings, apart from the code that needs heavy libraries."""

from dataclasses import dataclass

from facepipe.errors import SettingsError


@dataclass(frozen=True)
class DetectionSettings:
    """What counts as a face.

    Attributes:
        max_faces: Most faces looked for in a frame.
        min_score: Least presence probability of a sighting, 0.5 to 1; MediaPipe gives none below.
        min_face_px: Least longer side of a face's landmark box, in pixels.
    """

    max_faces: int = 4
    min_score: float = 0.5
    min_face_px: float = 24.0

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise SettingsError(f"max_faces must be at least 1, got {self.max_faces}")
        if not 0.5 <= self.min_score < 1:
            raise SettingsError(f"min_score must be from 0.5 to under 1, got {self.min_score}")
        if not self.min_face_px >= 0:
            raise SettingsError(f"min_face_px must not be negative, got {self.min_face_px}")


@dataclass(frozen=True)
class SmoothingSettings:
    """How strongly to smooth.

    Attributes:
        window_s: Length of the sliding window, in seconds.
        order: Degree of the polynomial fitted inside the window.
        max_gap_s: Longest gap to bridge, in seconds; 0 bridges nothing.
    """

    window_s: float = 0.2
    order: int = 2
    max_gap_s: float = 0.2

    def __post_init__(self) -> None:
        if not self.window_s > 0:
            raise SettingsError(f"window_s must be positive, got {self.window_s}")
        if not 0 <= self.order <= 5:
            raise SettingsError(f"order must be from 0 to 5, got {self.order}")
        if not self.max_gap_s >= 0:
            raise SettingsError(f"max_gap_s must not be negative, got {self.max_gap_s}")
