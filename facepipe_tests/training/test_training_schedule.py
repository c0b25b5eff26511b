"""While the rate holds, nothing depends on how long a training will be."""

import itertools
from dataclasses import replace

import pytest

from facepipe.training.progress import Progress
from facepipe.training.schedule import Fall, fall_of, least_epochs, rate_at
from facepipe.training.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=20, steps_per_epoch=5, warm_up_steps=10)


def rates(settings):
    fall = fall_of(settings)
    return [rate_at(step, fall, settings) for step in range(fall.end)]


def test_the_rate_warms_up_holds_and_falls_to_nothing():
    found = rates(SETTINGS)
    assert all(a < b for a, b in itertools.pairwise(found[:11]))
    assert set(found[10:76]) == {SETTINGS.learning_rate}
    assert all(a > b for a, b in itertools.pairwise(found[75:]))
    assert found[-1] < SETTINGS.learning_rate / 100


@pytest.mark.parametrize("longer", [21, 30, 80])
def test_up_to_the_fall_a_longer_training_has_the_same_rates(longer):
    start = fall_of(SETTINGS).start
    assert rates(replace(SETTINGS, epochs=longer))[:start] == rates(SETTINGS)[:start]


@pytest.mark.parametrize(
    ("epochs", "held"), [(1, 0), (2, 1), (3, 2), (4, 3), (7, 6), (8, 6), (100, 75)]
)
def test_the_fall_takes_whole_epochs_a_quarter_and_at_least_one(epochs, held):
    assert fall_of(replace(SETTINGS, epochs=epochs)) == Fall(5 * held, 5 * epochs)


@pytest.mark.parametrize("step", [0, 1, 5, 6, 350, 351])
def test_the_least_epochs_still_hold_and_one_less_would_not(step):
    least = least_epochs(step, 5)
    assert fall_of(replace(SETTINGS, epochs=least)).start >= step
    assert least == 1 or fall_of(replace(SETTINGS, epochs=least - 1)).start < step


def test_a_state_serves_only_trainings_that_would_have_come_by_it():
    four, eight = Fall(15, 20), Fall(30, 40)
    holding, falling = Progress(step=15, tried=15), Progress(step=18, tried=18, fall=four)
    assert holding.is_on_way_to(four)
    assert holding.is_on_way_to(eight)
    assert falling.is_on_way_to(four)
    assert not falling.is_on_way_to(eight)
    assert not Progress(step=16, tried=16).is_on_way_to(four)


def test_what_failed_later_than_the_fall_begins_does_not_serve():
    assert not Progress(step=15, tried=17).is_on_way_to(Fall(15, 20))


@pytest.mark.parametrize("fall", [None, Fall(3, 4)])
def test_progress_as_json_comes_back_the_same(fall):
    progress = Progress(step=4, fall=fall, untrained=1 / 3, notes=["x"], best={"loss": 0.1})
    assert Progress.from_record(progress.as_record()) == progress
