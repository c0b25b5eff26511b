"""The objective is least for the wanted picture, and dearest where a face is recognised."""

from dataclasses import replace

import pytest
import torch

from facepipe.training.losses import Batch, loss_parts, pixel_weight, ssim_map
from facepipe.training.settings import TrainingSettings

SETTINGS = TrainingSettings()


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


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"held_out_every": 1},
        {"learning_rate": 0.0},
        {"ema": 1.0},
        {"accumulate": 0},
        {"on_change": "ask"},
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(SETTINGS, **wrong)
