"""A letter chooses how large the network is, each about three times as costly as the one before."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from facepipe.errors import SettingsError
from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.inswapper import InswapperSettings, empty_inswapper
from facepipe.training.settings import IdentityTrainingSettings
from facepipe.training.sizes import width_and_blocks

SIZES = ("s", "m", "l")


def operations(architecture, size):
    """Multiplications and additions for one face, by weights that nobody has set."""
    shape = width_and_blocks(IdentityTrainingSettings(architecture=architecture, size=size))
    if architecture == "inswapper":
        network, place, pixels = empty_inswapper(InswapperSettings(*shape)), "cpu", 16
    else:
        network, place, pixels = Generator(GeneratorSettings(*shape)).to("meta"), "meta", 128
    target, source = torch.zeros(1, 3, pixels, pixels), torch.zeros(1, 512)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(target.to(place), source.to(place))
    return counter.get_total_flops()


@pytest.mark.parametrize("architecture", ["compact", "inswapper"])
def test_each_size_costs_about_three_times_the_one_before(architecture):
    costs = [operations(architecture, size) for size in SIZES]
    assert all(2.5 < larger / smaller < 4 for smaller, larger in pairwise(costs))


def test_the_largest_inswapper_is_inswapper_128_itself():
    settings = IdentityTrainingSettings(architecture="inswapper", size="l")
    assert width_and_blocks(settings) == (128, 6)


def test_a_width_or_blocks_asked_for_come_before_the_sizes():
    small = IdentityTrainingSettings(size="l", width=4)
    assert width_and_blocks(small) == (4, width_and_blocks(replace(small, width=None))[1])
    assert width_and_blocks(replace(small, blocks=1)) == (4, 1)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": "xl"}, "size is 'xl'; known: s, m, l"),
        ({"width": 0}, "width is 0; it must be at least 2"),
        ({"width": 5}, "width is 5; an even number is needed"),
        ({"blocks": 0}, "blocks is 0; it must be at least 1"),
    ],
)
def test_a_size_that_is_none_is_refused_in_a_line(wrong, said):
    with pytest.raises(SettingsError, match=f"^{said}$"):
        IdentityTrainingSettings(**wrong)
