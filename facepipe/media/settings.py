"""What can be chosen in this room; needs no heavy library."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facepipe.errors import SettingsError

PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
ENCODERS = ("auto", "libx264", "libx265", "h264_nvenc", "hevc_nvenc")
"""What video can be written with; the last two need an NVIDIA card that encodes."""


@dataclass(frozen=True)
class InspectionSettings:
    """What a file may cost when it is decoded for the first time.

    Attributes:
        frames: Most frames of one file.
        stall_s: Longest time without a new frame, in seconds.
        memory_mb: Most memory of the decoding process, in MiB.
    """

    frames: int = 1_000_000
    stall_s: float = 55.0
    memory_mb: int = 2048

    def __post_init__(self) -> None:
        _check_range("frames", self.frames, 1, 1_000_000_000)
        _check_range("stall_s", self.stall_s, 1, 86_400)
        _check_range("memory_mb", self.memory_mb, 256, 1_000_000)


def inspection_from(environment: Mapping[str, str] = os.environ) -> InspectionSettings:
    """The limits as `FACEPIPE_LIMITS` sets them, `frames=500000 stall_s=120` for example.

    Raises:
        SettingsError: A limit is unknown, no number, or out of range.
    """
    words = [word.partition("=") for word in environment.get("FACEPIPE_LIMITS", "").split()]
    kinds: dict[str, type[int] | type[float]] = {"frames": int, "stall_s": float, "memory_mb": int}
    try:
        given: dict[str, Any] = {name: kinds[name](value) for name, _, value in words}
        return InspectionSettings(**given)
    except (KeyError, ValueError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(
            f"FACEPIPE_LIMITS is {environment['FACEPIPE_LIMITS']!r}; needed are numbers for "
            f"{', '.join(kinds)}, such as frames=500000 stall_s=120"
        ) from error


@dataclass(frozen=True)
class FramesSettings:
    """Which frames are usable, and how many to take.

    Attributes:
        max_frames: Most frames to select, over all sources together.
        min_brightness: Least mean luminance, of 0 to 255; below are fades and covered lenses.
        max_brightness: Greatest mean luminance, of 0 to 255.
        min_sharpness: Least sharpness as a share of the median of the frame's own source.
    """

    max_frames: int = 1000
    min_brightness: float = 10.0
    max_brightness: float = 245.0
    min_sharpness: float = 0.25

    def __post_init__(self) -> None:
        _check_range("max_frames", self.max_frames, 1, 1_000_000)
        _check_range("min_brightness", self.min_brightness, 0, 255)
        _check_range("max_brightness", self.max_brightness, self.min_brightness, 255)
        _check_range("min_sharpness", self.min_sharpness, 0, 1)


@dataclass(frozen=True)
class EncodeSettings:
    """How much of the picture to keep, and by which encoder.

    Attributes:
        crf: x264's constant rate factor, 0 (lossless) to 51; 16 looks like the source.
        preset: x264's trade of time for size, one of `PRESETS`.
        encoder: One of `ENCODERS`; auto is libx264 for 8 bits and libx265 for more.
    """

    crf: int = 16
    preset: str = "medium"
    encoder: str = "auto"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS:
            raise SettingsError(f"encoder is {self.encoder!r}; needed is one of {_named(ENCODERS)}")
        if not 0 <= self.crf <= 51:
            raise SettingsError(f"crf is {self.crf}; needed is a whole number from 0 to 51")
        if self.preset not in PRESETS:
            raise SettingsError(f"preset is {self.preset!r}; needed is one of {_named(PRESETS)}")


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SettingsError(f"{name} is {value}; needed is {least} to {most}")


def _named(choices: tuple[str, ...]) -> str:
    return ", ".join(choices)
