"""How drawn faces are fitted into their frames; needs no heavy library."""

from dataclasses import dataclass
from typing import Literal, get_args

from facepipe.errors import SettingsError
from facepipe.swapping.drawing_settings import DrawingSettings, check_range

BlendChoice = Literal["auto", "feather", "poisson", "multiband"]
ColourChoice = Literal["none", "mean_std", "mkl", "histogram"]


@dataclass(frozen=True)
class FittingSettings(DrawingSettings):
    """How drawn faces are fitted into their frames.

    Attributes:
        erosion: Band inside the face's outline left alone, as a share of the face's size, -0.2 to
            0.5; below 0 the swap reaches beyond the outline, as beards do.
        feather: Band over which the swap fades in, as a share of the face's size, 0 to 0.5.
        swap_brows: Whether brows are swapped; off keeps the target's.
        swap_eyes: Whether eyes are swapped; off keeps the target's.
        swap_mouth: Whether what shows between the lips is swapped; off keeps the target's.
        swap_chin: Whether the chin is swapped; off keeps the target's.
        face_parser: Path of a face parser (BiSeNet on CelebAMask-HQ, ONNX): only what it sees as
            skin, features or glasses is swapped, so that hair and hats stay in front; empty for
            none.
        blend: How the swap meets its surroundings: feather (it fades in), poisson (it also takes
            the target's colours where it begins), multiband (the broader something is, the wider
            it fades in), or auto (what leaves the least seam, measured all the time).
        blend_reach: How far into the face poisson carries what the target's colours are in places,
            as a share of the face's size, 0.01 to 10: a large one makes the whole face look like
            its outline.
        colour: How the swap takes the target's skin colours first: none, mean_std (by mean and
            spread), mkl (by spread in all directions of colour) or histogram. What is trained here
            draws in the target's light already; models from elsewhere may not.
        colour_share: How far the swap takes them, 0 to 1.
        grain: How much of the target's grain the swap gets, 0 to 1.
        detail: How far the swap is made as sharp or soft as the target, 0 to 1.
        steady_s: Time over which drawn faces and masks are averaged where they hardly move, 0 (not
            at all) to 1 s.
        colour_window_s: Time over which measured colours, seams and grain are averaged, 0 (not at
            all) to 1 s.
    """

    erosion: float = -0.02
    feather: float = 0.06
    swap_brows: bool = True
    swap_eyes: bool = True
    swap_mouth: bool = True
    swap_chin: bool = True
    face_parser: str = ""
    blend: BlendChoice = "poisson"
    blend_reach: float = 0.1
    colour: ColourChoice = "none"
    colour_share: float = 1.0
    grain: float = 0.0
    detail: float = 0.0
    steady_s: float = 0.24
    colour_window_s: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("erosion", self.erosion, -0.2, 0.5)
        check_range("feather", self.feather, 0, 0.5)
        check_range("blend_reach", self.blend_reach, 0.01, 10)
        for name in ("colour_share", "grain", "detail", "steady_s", "colour_window_s"):
            check_range(name, getattr(self, name), 0, 1)
        _check_choice("blend", self.blend, get_args(BlendChoice))
        _check_choice("colour", self.colour, get_args(ColourChoice))


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SettingsError(f"{name} is {value!r}: it must be one of {', '.join(choices)}")
