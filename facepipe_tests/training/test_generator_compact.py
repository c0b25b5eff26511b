"""The generator keeps the inswapper contract and starts where it can learn."""

import pytest
import torch

from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.identity_model import seeded_generator
from facepipe.training.settings import IdentityTrainingSettings
from facepipe.training.sizes import width_and_blocks


@pytest.fixture(scope="module")
def network():
    return seeded_generator(GeneratorSettings(width=4, blocks=2, textures=2), seed=0).eval()


def inputs(count):
    generator = torch.Generator().manual_seed(3)
    source = torch.nn.functional.normalize(torch.randn(count, 512, generator=generator))
    return torch.rand(count, 3, 128, 128, generator=generator), source


def test_a_face_and_an_embedding_give_a_face_of_the_same_size(network):
    drawn = network(*inputs(2)).rgb
    assert drawn.shape == (2, 3, 128, 128)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_before_it_learns_it_shows_the_textures_where_the_person_usually_is():
    network = seeded_generator(GeneratorSettings(width=4, blocks=1, textures=2), seed=0).eval()
    textures = torch.rand(1, 3, 10, 10, generator=torch.Generator().manual_seed(1))
    larger = torch.nn.functional.interpolate(textures, 320, mode="bilinear")
    smooth = (255 * larger.repeat(2, 1, 1, 1)).to(torch.uint8)
    aside = network.here[0] + 5
    inside = torch.zeros(1, 128, 128)
    inside[:, 40:90, 40:90] = 1
    network.furnish(smooth, network.mesh, aside, inside)
    target, source = inputs(1)
    with torch.no_grad():
        drawn = network(target, source)
    # the network square's pixel (x, y) lies at (x + 16, y + 16) of a stored one, twice as fine
    wanted = smooth[0, :, 2 * (60 + 16 + 5), 2 * (60 + 16 + 5)] / 255
    torch.testing.assert_close(drawn.face[0, :, 60, 60], wanted, atol=0.1, rtol=0)
    assert (drawn.mask[..., 45:85, 45:85] > 0.9).all()
    assert (drawn.mask[..., :30, :] < 0.1).all()
    torch.testing.assert_close(drawn.lookup[0, :, 60, 60], aside[:, 60, 60], atol=1, rtol=0)


def test_where_the_mask_is_0_the_face_given_stays(network):
    target, source = inputs(2)
    drawn = network(target, source)
    outside = drawn.mask < 0.01
    unchanged = (drawn.rgb - target).abs() < 0.02
    assert unchanged[outside.expand_as(unchanged)].all()


def test_a_sure_mask_is_still_moved_where_layers_compute_in_half_precision():
    network = seeded_generator(GeneratorSettings(width=4, blocks=1, textures=2), seed=0)
    everywhere = torch.full((1, 128, 128), 1.0)
    network.furnish(network.textures, network.mesh, network.here[0], everywhere)
    with torch.no_grad():
        network.usual[:, -4:] *= 2  # as surely as training makes it
    with torch.autocast("cpu", torch.bfloat16):
        mask = network(*inputs(1)).mask
    assert mask.mean() > 0.999
    mask.log().sum().neg().backward()
    assert network.usual.grad[:, -4:].abs().mean() > 0


def test_the_embedding_changes_the_face(network):
    target, source = inputs(2)
    one, other = network(target, source).rgb, network(target, source.flip(0)).rgb
    assert not torch.allclose(one, other, atol=1e-4)


def test_faces_of_one_batch_do_not_see_each_other(network):
    target, source = inputs(3)
    alone = network(target[1:2], source[1:2]).rgb
    torch.testing.assert_close(network(target, source).rgb[1:2], alone, atol=1e-5, rtol=0)


def test_the_default_generator_has_2_to_9_million_parameters():
    default = Generator(GeneratorSettings(*width_and_blocks(IdentityTrainingSettings())))
    assert 2e6 < sum(p.numel() for p in default.parameters()) < 9e6


def test_the_same_seed_gives_the_same_weights_and_leaves_the_global_chance_alone():
    shape = GeneratorSettings(width=2, blocks=1, textures=1)
    before = torch.get_rng_state()
    one, same, other = (seeded_generator(shape, seed).colour.weight for seed in (5, 5, 6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
