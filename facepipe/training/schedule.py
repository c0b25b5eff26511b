"""The learning rate: it warms up, holds, and falls over the last quarter of the epochs.

While it holds, nothing depends on how long the training will be. A longer training therefore goes
back to where the fall began and repeats only the fall, and ends as if it had been asked for at
once. A constant rate with such an end reaches what a cosine of the same length reaches
(Hägele et al. 2024, arXiv 2405.18392).
"""

import math
from dataclasses import dataclass

from facepipe.training.loop_settings import LoopSettings


@dataclass(frozen=True)
class Fall:
    """The steps over which the rate falls: from `start` up to, but without, `end`."""

    start: int
    end: int


def fall_of(settings: LoopSettings) -> Fall:
    """Whole epochs, a quarter of all rounded down, but at least one."""
    steps = settings.steps_per_epoch
    return Fall(_held(settings.epochs) * steps, settings.epochs * steps)


def least_epochs(step: int, steps_per_epoch: int) -> int:
    """The shortest training whose rate still holds at `step`.

    >>> least_epochs(step=70 * 16, steps_per_epoch=16)
    93
    """
    held = math.ceil(step / steps_per_epoch)
    return next(epochs for epochs in range(held + 1, 2 * held + 2) if _held(epochs) >= held)


def rate_at(step: int, fall: Fall, settings: LoopSettings) -> float:
    """The learning rate of step `step`, counted from 0."""
    rising = min(1.0, (step + 1) / (settings.warm_up_steps + 1))
    along = max(0.0, (step - fall.start) / (fall.end - fall.start))
    return settings.learning_rate * rising * (1 + math.cos(math.pi * along)) / 2


def _held(epochs: int) -> int:
    return epochs - max(1, epochs // 4)
