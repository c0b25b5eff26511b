"""Things laid before faces: what they hide is known exactly."""

import numpy as np
import pytest

from facepipe.synthetic.materials import Palette
from facepipe.synthetic.pasting import paste_thing, softened
from facepipe.synthetic.sprites import closed_curve, limbs
from facepipe.synthetic.things import THINGS

SIZE = 96
SKIN = np.array([200, 150, 120], np.float32)
NOTHING = Palette(SKIN, np.zeros((0, SIZE, SIZE, 3), np.uint8))


def pasted(kind, seed, level=100.0):
    picture = np.full((SIZE, SIZE, 3), level, np.float32)
    return paste_thing(np.random.default_rng(seed), picture, kind, NOTHING)


@pytest.mark.parametrize("kind", THINGS)
def test_where_a_thing_covers_all_nothing_of_the_picture_is_left(kind):
    seen = 0
    for seed in range(12):
        (one, cover), (other, same) = pasted(kind, seed, 40), pasted(kind, seed, 220)
        assert np.array_equal(cover, same)
        assert cover.min() >= 0
        assert cover.max() <= 1 + 1e-5
        hidden = cover >= 1
        np.testing.assert_allclose(one[hidden], other[hidden], atol=1e-3)
        seen += cover.max() > 0.5
    assert seen >= 4  # most of them are within the square


@pytest.mark.parametrize("kind", THINGS)
def test_where_a_thing_covers_nothing_the_picture_is_only_darker(kind):
    for seed in range(6):
        found, cover = pasted(kind, seed)
        bare = found[cover == 0]
        assert (bare <= 100 + 1e-3).all()
        assert (bare >= 40).all()
        np.testing.assert_allclose(bare.max(-1), bare.min(-1), atol=1e-3)  # in no other colour


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    one, again, other = pasted("hand", 1)[0], pasted("hand", 1)[0], pasted("hand", 2)[0]
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_limb_covers_as_much_as_it_is_long_and_thick():
    sprite = limbs([[((20.0, 48.0), (76.0, 48.0), 10.0, 10.0)]], SIZE)
    assert sprite.alpha.sum() == pytest.approx(56 * 20 + np.pi * 100, rel=0.01)
    assert sprite.relief.max() == pytest.approx(10, abs=0.5)


def test_a_closed_curve_covers_its_area():
    square = np.array([[20, 20], [60, 20], [60, 70], [20, 70]], float)
    assert closed_curve(square, SIZE, 0.5).alpha.sum() == pytest.approx(40 * 50, rel=0.04)


@pytest.mark.parametrize("sigma", [1.0, 4.0, 12.0])
def test_softening_keeps_the_mean(sigma):
    plane = np.zeros((SIZE, SIZE), np.float32)
    plane[40:56, 40:56] = 1
    soft = softened(plane, sigma)
    assert soft.sum() == pytest.approx(plane.sum(), rel=0.05)
    assert 0.02 < soft[40, 48] < 0.98
