"""The running average forgets the start, and of 0 it is the weights as they are."""

import pytest
from torch import nn

from facepipe.training.average import RunningAverage


def followed(keep, steps, weight_at):
    """The average after so many steps of a weight that goes through `weight_at(step)`."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 100.0)
    average = RunningAverage(network, keep)
    for step in range(1, steps + 1):
        nn.init.constant_(network.weight, float(weight_at(step)))
        average.follow(step)
    return float(average.weights["weight"])


@pytest.mark.parametrize("steps", [1, 16, 17, 20, 50])
def test_without_keeping_anything_it_is_the_weights_themselves(steps):
    assert followed(0, steps, lambda step: step) == steps


def test_the_random_start_is_soon_forgotten():
    assert followed(0.999, 16, lambda _: 0) < 0.01
    assert followed(0.999, 3, lambda _: 0) < 5


def test_it_takes_in_four_steps_at_once_as_much_as_each_of_them_would():
    assert followed(0.5, 40, lambda step: step > 36) == pytest.approx(1 - 0.5**4)
    assert followed(0.5, 39, lambda step: step > 36) == pytest.approx(0, abs=1e-9)


def test_after_many_steps_it_is_near_what_every_step_would_have_made_of_it():
    mean, keep = 100.0, 0.99
    for step in range(1, 401):
        rate = min(keep, step / (step + 9))
        mean = rate * mean + (1 - rate) * step
    assert followed(keep, 400, lambda step: step) == pytest.approx(mean, rel=0.02)
