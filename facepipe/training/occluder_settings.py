"""How the occluder network is trained."""

from dataclasses import dataclass
from typing import get_args

from facepipe.errors import SettingsError
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.settings import Pixels

LESSONS = "3"
"""The version of what is drawn on and laid before faces: another one trains anew."""


@dataclass(frozen=True)
class OccluderTrainingSettings(LoopSettings):
    """How to teach a network where a face shows; see `LoopSettings` for how a training goes on.

    Attributes:
        epochs: how long; raising it later continues where the training ended.
        pixels: side of the squares the network works on, 128 or 256; files take and give 256
            either way. 256 sees thinner hair, at four times the cost.
        width: channels of the encoder's first stage, a multiple of 8; 64 makes it ResNet-34, at
            16 times the cost of 16. A target's training takes the general model's, where there
            is one.
        boundary: weight of the cross entropy near the edges of the visible face.
        before: weight of the cross entropy inside the face's outline, where what is hidden and what
            shows count alike, however small a finger is.
        drawn_people: synthetic people learnt from beside the real faces, 0 to 200; each takes a
            second to draw.
        most_faces: faces taken of each person, spread in time.
    """

    epochs: int = 24
    steps_per_epoch: int = 100
    batch_size: int = 8
    learning_rate: float = 2e-3
    warm_up_steps: int = 100
    weight_decay: float = 0.02
    pixels: Pixels = 128
    width: int = 16
    boundary: float = 0.25
    before: float = 0.5
    drawn_people: int = 24
    most_faces: int = 300

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 8 or self.width % 8:
            raise SettingsError(f"width is {self.width}; a multiple of 8 is needed")
        if self.pixels not in get_args(Pixels):
            raise SettingsError(f"pixels is {self.pixels}; known: 128, 256")
        if not 0 <= self.drawn_people <= 200:
            raise SettingsError(f"drawn_people is {self.drawn_people}; it must be 0 to 200")
        if self.most_faces < 1:
            raise SettingsError(f"most_faces is {self.most_faces}; it must be at least 1")
