"""The objective is least for the wanted picture, and dearest where a face is recognised."""

from dataclasses import replace

import pytest
import torch

from facepipe.training.generator import Drawing
from facepipe.training.losses import Batch, attention, loss_parts, ssim_map
from facepipe.training.settings import TrainingSettings

SETTINGS = TrainingSettings()


def batch(attention=None, believed=None):
    wanted = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain = torch.ones(2, 1, 32, 32)
    return Batch(
        target=wanted.flip(0),
        source=torch.zeros(2, 512),
        wanted=wanted,
        believed=plain if believed is None else believed,
        attention=plain if attention is None else attention,
        lookup=torch.cat([torch.full((2, 2, 32, 32), 7.0), plain], 1),
    )


def drawing(of, face=None, mask=None, lookup=7.0):
    """What draws just what is wanted, but for what is given."""
    face = of.wanted if face is None else face
    mask = of.believed if mask is None else mask
    rgb = of.target + mask * (face - of.target)
    return Drawing(rgb, face, mask, torch.full((2, 2, 32, 32), lookup))


def test_the_wanted_picture_costs_nothing():
    parts = loss_parts(drawing(batch()), batch(), SETTINGS)
    assert parts["loss"] == pytest.approx(0, abs=1e-5)
    assert parts["ssim"] == pytest.approx(1, abs=1e-5)


def test_any_other_picture_costs_more_the_further_it_is():
    near, far = (
        loss_parts(drawing(batch(), batch().wanted + d), batch(), SETTINGS)["loss"]
        for d in (0.05, 0.2)
    )
    assert 0 < near < far


@pytest.mark.parametrize("wrong", [{"mask": torch.zeros(2, 1, 32, 32)}, {"lookup": 9.0}])
def test_a_right_picture_at_the_wrong_place_costs_as_well(wrong):
    assert loss_parts(drawing(batch(), **wrong), batch(), SETTINGS)["loss"] > 0.2


def test_handing_on_what_was_given_costs_as_much_as_a_wrong_face():
    """A mask of 0 hides the face from the result but not from the objective."""
    given = drawing(batch(), batch().target, mask=torch.zeros(2, 1, 32, 32))
    parts = loss_parts(given, batch(), SETTINGS)
    wrong = float((batch().target - batch().wanted).abs().mean())
    assert float(parts["l1"]) == pytest.approx(wrong, rel=1e-4)


def test_where_nothing_is_to_be_drawn_only_the_mask_counts():
    nothing = torch.zeros(2, 1, 32, 32)
    alone = replace(batch(None, nothing), wanted=batch().target)
    parts = loss_parts(drawing(alone, batch().wanted, nothing), alone, SETTINGS)
    assert parts["loss"] == pytest.approx(0, abs=1e-5)
    assert loss_parts(drawing(alone, mask=nothing + 1), alone, SETTINGS)["loss"] > 0.2


def test_a_mask_that_is_sure_and_wrong_is_still_moved():
    nothing = torch.zeros(2, 1, 32, 32)
    slopes = []
    for logit in (0.0, 6.0, 12.0):
        raw = torch.full((2, 1, 32, 32), logit, requires_grad=True)
        alone = batch(None, nothing)
        loss_parts(drawing(alone, mask=raw.sigmoid()), alone, SETTINGS)["mask"].backward()
        slopes.append(float(raw.grad.mean()))
    assert slopes[0] > 0
    assert min(slopes[1:]) > 1.5 * slopes[0]


def test_an_error_in_the_eyes_costs_more_than_one_on_the_cheek_and_none_outside():
    regions = torch.zeros(2, 3, 32, 32)
    regions[:, 0, :16] = 1
    regions[:, 1, :8] = 1
    face = regions[:, :1]
    weighted = batch(attention(regions[:, 1:], SETTINGS), face)

    def cost(rows):
        drawn = weighted.wanted.clone()
        drawn[:, :, rows] += 0.2
        return loss_parts(drawing(weighted, drawn), weighted, SETTINGS)["l1"]

    assert cost(slice(0, 8)) > 1.5 * cost(slice(8, 16))
    assert cost(slice(16, 24)) == 0


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
