"""What all trainings have in common: how long, in which steps, and what becomes of old states."""

import math
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, get_args

from facepipe.errors import SettingsError

OnChange: TypeAlias = Literal["refuse", "restart", "continue"]


@dataclass(frozen=True)
class LoopSettings:
    """How to go through a training, whatever is trained.

    Attributes:
        epochs: how long; raising it later continues where the training ended.
        steps_per_epoch: optimizer steps in one epoch, so that its cost does not depend on the clip.
        batch_size: faces per batch.
        accumulate: batches per step; the more, the calmer and the slower each step.
        learning_rate: after warming up; it falls to 0 over the last quarter of the epochs.
        warm_up_steps: steps over which the rate rises from 0.
        weight_decay: AdamW's.
        clip_norm: longest gradient let through.
        ema: share of the old in the running average of the weights that is judged and kept; 0 uses
            the weights themselves.
        held_out_every: one block of time in this many is never trained on.
        preview_every: epochs between preview pictures.
        evaluate_every: epochs between further looks at the held-out faces.
        seed: for weights, sampling, augmentation and dropout.
        on_change: what to do with a saved training of other data or settings: `refuse` it (an
            asset is then made anew beside it), `restart`, or `continue` from where its rate last
            held, as a new stage.
    """

    epochs: int = 100
    # 30 epochs of the identity and 50 of the adapter (WatserFace's quick preset) then take ten
    # minutes on two cores, at 0.36 s a step
    steps_per_epoch: int = 20
    batch_size: int = 6
    accumulate: int = 1
    learning_rate: float = 8e-4  # at 1.5e-3 the first hundred steps undo what they began with
    warm_up_steps: int = 50
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema: float = 0.98  # about 50 steps: calms batches of 6 without lagging behind
    held_out_every: int = 5
    preview_every: int = 10
    evaluate_every: int = 10
    seed: int = 0
    on_change: OnChange = "refuse"

    def __post_init__(self) -> None:
        least_one = (
            "epochs", "steps_per_epoch", "batch_size", "accumulate", "preview_every",
            "evaluate_every",
        )  # fmt: skip
        wrong = [name for name in least_one if getattr(self, name) < 1]
        if wrong:
            raise SettingsError(f"{wrong[0]} is {getattr(self, wrong[0])}; it must be at least 1")
        if self.held_out_every < 2:
            raise SettingsError(
                f"held_out_every is {self.held_out_every}; it must be at least 2, "
                f"or nothing would be left to train on"
            )
        if not 0 < self.learning_rate < 1 or not 0 <= self.ema < 1:
            raise SettingsError(
                f"learning_rate is {self.learning_rate} and ema {self.ema}; "
                f"they must lie in (0, 1) and [0, 1)"
            )
        if self.on_change not in get_args(OnChange):
            raise SettingsError(
                f"on_change is {self.on_change!r}; known: {', '.join(get_args(OnChange))}"
            )
        numbers = {name: value for name, value in asdict(self).items() if isinstance(value, float)}
        odd = [name for name, value in numbers.items() if not 0 <= value < math.inf]
        if odd:
            raise SettingsError(f"{odd[0]} is {numbers[odd[0]]}; it must be a number from 0 up")

    def fixed(self) -> dict[str, object]:
        """The settings that cannot change on the way: all but the length and what is shown."""
        free = ("epochs", "preview_every", "evaluate_every", "on_change")
        return {name: value for name, value in asdict(self).items() if name not in free}
