"""Blocks that are computed twice learn the same as those computed once."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from facepipe.training.adapter import adapter_config, add_adapter
from facepipe.training.forward import forward_pass
from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.inswapper import Inswapper, InswapperSettings
from facepipe.training.ranks import ALONE
from facepipe_tests.training.conftest import ON_CPU, same_result

CHECKPOINTED = replace(ON_CPU, checkpointing=True)


def compact():
    return Generator(GeneratorSettings(width=4, blocks=2, textures=2))


def inswapper():
    return Inswapper(InswapperSettings(width=4, blocks=3))


def adapted(dropout=0.5):
    base = inswapper()
    return add_adapter(base, "", adapter_config(base, 2, 2, dropout), seed=1)


def learnt(make, settings, count=2):
    """What a network draws, its gradients, and the bytes kept for the backward pass."""
    torch.manual_seed(0)
    network = make().train()
    run = forward_pass(network, settings, ALONE)
    kept: dict[int, int] = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        drawn = run(
            torch.rand(count, 3, 128, 128), nn.functional.normalize(torch.randn(count, 512))
        )
    drawn.rgb.square().mean().backward()
    found = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return drawn.rgb.detach(), found, sum(kept.values())


def are_close(one, other):
    torch.testing.assert_close(one[0], other[0], rtol=1e-4, atol=1e-5)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        far = (gradient - other[1][name]).abs().max()
        assert far <= 1e-4 * gradient.abs().max() + 1e-9, name


@pytest.mark.parametrize("make", [compact, inswapper, adapted])
def test_blocks_computed_twice_learn_the_same_dropout_included(make):
    are_close(learnt(make, ON_CPU), learnt(make, CHECKPOINTED))


def test_blocks_computed_twice_keep_little_of_what_they_hold():
    plain, thrifty = (learnt(inswapper, settings)[2] for settings in (ON_CPU, CHECKPOINTED))
    blocks = 3 * 2 * 32 * 32 * 32 * 4  # what goes into each of them stays
    without = learnt(lambda: Inswapper(InswapperSettings(width=4, blocks=0)), ON_CPU)[2]
    assert plain > without + 8 * blocks
    assert thrifty < without + 2 * blocks


def test_a_training_with_blocks_computed_twice_ends_in_the_same_weights_as_one_without(run, base):
    _, out = run("twice", device=CHECKPOINTED)
    assert same_result(out, base)
