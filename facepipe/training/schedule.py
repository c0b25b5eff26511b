"""The learning rate over a training that may be made longer afterwards.

The rate warms up and falls along a cosine to a twentieth. When more epochs are asked for, a cosine
that has not ended is stretched to the new end; one that has ended is followed by another of half
the height, since the weights have settled and the full rate would undo that.
"""

import math

from facepipe.training.settings import TrainingSettings

Stretch = tuple[int, int]
"""First step and end step of one cosine."""
_FLOOR = 0.05
_LATER = 0.5


def planned(stretches: list[Stretch], step: int, total: int) -> list[Stretch]:
    """The cosines up to `total` steps for a training that has done `step` of them."""
    if not stretches:
        return [(0, total)]
    first, end = stretches[-1]
    if step < end:
        return [*stretches[:-1], (first, max(total, step))]
    return [*stretches, (end, total)] if total > end else stretches


def rate_at(step: int, stretches: list[Stretch], settings: TrainingSettings) -> float:
    """The learning rate of step `step`, counted from 0."""
    place = next((k for k, (_, end) in enumerate(stretches) if step < end), len(stretches) - 1)
    first, end = stretches[place]
    warm_up = min(settings.warm_up_steps, (end - first) // 4)
    peak = settings.learning_rate * (_LATER if place else 1.0)
    done = step - first
    if done < warm_up:
        return peak * (done + 1) / (warm_up + 1)
    along = (done - warm_up) / max(1, end - first - warm_up)
    return peak * (_FLOOR + (1 - _FLOOR) * (1 + math.cos(math.pi * along)) / 2)
