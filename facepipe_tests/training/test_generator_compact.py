"""The generator keeps the inswapper contract and starts where it can learn."""

import pytest
import torch

from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.identity_model import seeded_generator
from facepipe.training.settings import IdentityTrainingSettings


@pytest.fixture(scope="module")
def network():
    return seeded_generator(GeneratorSettings(width=4, blocks=2), seed=0).eval()


def inputs(count):
    generator = torch.Generator().manual_seed(3)
    source = torch.nn.functional.normalize(torch.randn(count, 512, generator=generator))
    return torch.rand(count, 3, 128, 128, generator=generator), source


def test_a_face_and_an_embedding_give_a_face_of_the_same_size(network):
    drawn = network(*inputs(2))
    assert drawn.shape == (2, 3, 128, 128)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_an_untrained_generator_is_far_from_saturation(network):
    drawn = network(*inputs(2))
    assert ((drawn > 0.2) & (drawn < 0.8)).all()


def test_the_embedding_changes_the_face(network):
    target, source = inputs(2)
    assert not torch.allclose(network(target, source), network(target, source.flip(0)), atol=1e-4)


def test_faces_of_one_batch_do_not_see_each_other(network):
    target, source = inputs(3)
    alone = network(target[1:2], source[1:2])
    torch.testing.assert_close(network(target, source)[1:2], alone, atol=1e-5, rtol=0)


def test_the_default_generator_has_3_to_9_million_parameters():
    settings = IdentityTrainingSettings()
    default = Generator(GeneratorSettings(settings.width, settings.blocks))
    assert 3e6 < sum(p.numel() for p in default.parameters()) < 9e6


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_chance_alone():
    shape = GeneratorSettings(width=2, blocks=1)
    before = torch.get_rng_state()
    one, same, other = (seeded_generator(shape, seed).paint.weight for seed in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
