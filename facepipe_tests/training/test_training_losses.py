"""The objective is least for the wanted picture, and dearest where a face is recognised."""

import itertools
from dataclasses import replace

import pytest
import torch

from facepipe.training.losses import Batch, loss_parts, pixel_weight, ssim_map
from facepipe.training.schedule import planned, rate_at
from facepipe.training.settings import TrainingSettings

SETTINGS = TrainingSettings(warm_up_steps=10)


def batch(weight=None):
    wanted = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = torch.ones(2, 1, 32, 32) if weight is None else weight
    return Batch(wanted, torch.zeros(2, 512), wanted, plain)


def test_the_wanted_picture_costs_nothing():
    parts = loss_parts(batch().wanted, batch(), SETTINGS)
    assert parts["loss"] == pytest.approx(0, abs=1e-5)
    assert parts["ssim"] == pytest.approx(1, abs=1e-5)


def test_any_other_picture_costs_more_the_further_it_is():
    near, far = (loss_parts(batch().wanted + d, batch(), SETTINGS)["loss"] for d in (0.05, 0.2))
    assert 0 < near < far


def test_an_error_in_the_eyes_costs_more_than_one_on_the_cheek_or_outside():
    regions = torch.zeros(2, 3, 32, 32)
    regions[:, 0, :16] = 1
    regions[:, 1, :8] = 1
    weighted = batch(pixel_weight(regions, SETTINGS))

    def cost(rows):
        drawn = weighted.wanted.clone()
        drawn[:, :, rows] += 0.2
        return loss_parts(drawn, weighted, SETTINGS)["l1"]

    assert cost(slice(0, 8)) > 1.5 * cost(slice(8, 16)) > 3 * cost(slice(16, 24))


def test_likeness_falls_with_blur_although_the_mean_stays():
    sharp = batch().wanted
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2, count_include_pad=False)
    assert ssim_map(sharp, blurred).mean() < 0.5


def test_the_rate_warms_up_then_falls_to_a_twentieth():
    rates = [rate_at(step, [(0, 100)], SETTINGS) for step in range(100)]
    assert rates[0] < rates[5] < max(rates) <= SETTINGS.learning_rate
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(SETTINGS.learning_rate / 20, rel=0.05)


def test_a_cosine_that_has_not_ended_is_stretched():
    assert planned([(0, 100)], 40, 200) == [(0, 200)]
    assert planned([(0, 100)], 40, 60) == [(0, 60)]


def test_a_cosine_that_has_ended_is_followed_by_one_of_half_the_height():
    stretches = planned([(0, 100)], 100, 150)
    assert stretches == [(0, 100), (100, 150)]
    later = max(rate_at(step, stretches, SETTINGS) for step in range(100, 150))
    assert later == pytest.approx(SETTINGS.learning_rate / 2, rel=0.1)


def test_fewer_epochs_than_done_change_nothing():
    assert planned([(0, 100)], 100, 60) == [(0, 100)]


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch_size": 0}, {"held_out_every": 1}, {"learning_rate": 0.0}, {"ema": 1.0}],
)
def test_a_setting_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(SETTINGS, **wrong)
