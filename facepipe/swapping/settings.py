"""What can be chosen in this room; needs no heavy library."""

from dataclasses import dataclass
from typing import Literal

from facepipe.errors import SettingsError
from facepipe.media.settings import EncodeSettings

SwapperChoice = Literal["lora", "mesh"]


@dataclass(frozen=True)
class SwapSettings:
    """How faces are put into a target.

    Attributes:
        swapper: What draws the faces: lora (the pair's trained model) or mesh (the identity's own
            pictures, bent; needs no training).
        batch: Faces given to the model at once, 1 or more.
        max_yaw_deg: Faces turned further to either side stay as they are, up to 90.
        max_pitch_deg: Faces nodding further up or down stay as they are, up to 90.
        fade_deg: The swap fades out over so many degrees before these limits.
        fade_s: The swap comes and goes over so many seconds, and over at least four frames, where
            a face enters, leaves, is lost or turns away; 0 switches at once, up to 10.
        min_face_px: Faces smaller than this (longer side of the landmark box) stay as they are; a
            fifth larger, and the swap is fully shown.
        erosion: Band inside the face's outline left alone, as a share of the face's size, -0.2 to
            0.5; below 0 the swap reaches beyond the outline, as beards do.
        feather: Band over which the swap fades in, as a share of the face's size, 0 to 0.5.
        colour: How far the swap takes the target's skin colours, 0 (not at all) to 1. What is
            trained here draws in the target's light already; models from elsewhere may not.
        colour_window_s: Time over which measured colours are averaged, in seconds.
        crf: x264's constant rate factor of the result, 0 (lossless) to 51.
        preset: x264's trade of time for size, ultrafast to veryslow.
    """

    swapper: SwapperChoice = "lora"
    batch: int = 8
    max_yaw_deg: float = 65.0
    max_pitch_deg: float = 45.0
    fade_deg: float = 8.0
    fade_s: float = 0.2
    min_face_px: float = 24.0
    erosion: float = -0.02
    feather: float = 0.06
    colour: float = 0.0
    colour_window_s: float = 0.3
    crf: int = 16
    preset: str = "medium"

    def __post_init__(self) -> None:
        if self.swapper not in ("lora", "mesh"):
            raise SettingsError(f"swapper is {self.swapper!r}: it must be lora or mesh")
        _check_range("batch", self.batch, 1, 1024)
        _check_range("max_yaw_deg", self.max_yaw_deg, 1, 90)
        _check_range("max_pitch_deg", self.max_pitch_deg, 1, 90)
        _check_range("fade_deg", self.fade_deg, 0, 90)
        _check_range("fade_s", self.fade_s, 0, 10)
        _check_range("min_face_px", self.min_face_px, 0, 10_000)
        _check_range("erosion", self.erosion, -0.2, 0.5)
        _check_range("feather", self.feather, 0, 0.5)
        _check_range("colour", self.colour, 0, 1)
        _check_range("colour_window_s", self.colour_window_s, 0, 60)
        EncodeSettings(self.crf, self.preset)  # refuses what the encoder would


@dataclass(frozen=True)
class ReportSettings:
    """What the report shows.

    Attributes:
        sheet_rows: Moments of the clip on the contact sheet, 1 to 24.
    """

    sheet_rows: int = 6

    def __post_init__(self) -> None:
        _check_range("sheet_rows", self.sheet_rows, 1, 24)


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}: it must lie between {least} and {most}")
