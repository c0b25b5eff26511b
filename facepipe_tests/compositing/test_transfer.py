"""Colour transfers: each gives known colours to known colours, and leaves the rest in peace."""

import numpy as np
import pytest

from facepipe.compositing.colour import to_lab
from facepipe.compositing.transfer import TRANSFERS

EVERYWHERE = np.ones((60, 60), np.float32)
WAYS = pytest.mark.parametrize("way", list(TRANSFERS))


def skin_like(mean, spread, seed=0):
    lab = np.random.default_rng(seed).normal(mean, spread, (60, 60, 3))
    return lab.astype(np.float32)


def moved(way, face, like):
    transfer = TRANSFERS[way]
    own, wanted = (transfer.measure(lab, EVERYWHERE) for lab in (face, like))
    return transfer.move(face, own, wanted)


@WAYS
def test_colours_moved_to_themselves_stay(way):
    face = skin_like((60, 15, 18), (8, 3, 3))
    np.testing.assert_allclose(moved(way, face, face), face, atol=1e-3)


@WAYS
def test_the_wanted_mean_is_met(way):
    face, like = skin_like((60, 15, 18), (4, 3, 3)), skin_like((66, 10, 24), (4, 3, 3), 1)
    found = moved(way, face, like).reshape(-1, 3).mean(0)
    np.testing.assert_allclose(found, like.reshape(-1, 3).mean(0), atol=1.0)


@WAYS
def test_black_stays_black(way):
    face, like = skin_like((60, 15, 18), (8, 3, 3)), skin_like((66, 10, -30), (4, 3, 3), 1)
    transfer = TRANSFERS[way]
    own, wanted = (transfer.measure(lab, EVERYWHERE) for lab in (face, like))
    np.testing.assert_allclose(transfer.move(np.zeros((1, 1, 3), np.float32), own, wanted), 0)


@WAYS
def test_colours_beyond_the_mask_are_not_measured(way):
    half = EVERYWHERE.copy()
    half[:, 30:] = 0
    face = skin_like((60, 15, 18), (8, 3, 3))
    stained = face.copy()
    stained[:, 30:] = (10, 80, -80)
    one, other = (TRANSFERS[way].measure(lab, half) for lab in (face, stained))
    np.testing.assert_array_equal(one, other)


def test_mkl_turns_the_axes_of_colour_as_well():
    rng = np.random.default_rng(3)
    shared = rng.normal(0, 6, (60, 60, 1))
    face = (skin_like((60, 15, 18), 2) + shared * (1, 0.5, 0)).astype(np.float32)
    like = (skin_like((60, 15, 18), 2, 1) + shared * (1, 0, -0.5)).astype(np.float32)

    def together(lab, k):
        return np.corrcoef(lab[..., 0].ravel(), lab[..., k].ravel())[0, 1]

    found = moved("mkl", face, like)
    assert together(face, 1) > 0.6
    assert abs(together(found, 1)) < 0.2
    assert together(found, 2) == pytest.approx(together(like, 2), abs=0.1)


def test_a_histogram_takes_a_shape_that_mean_and_deviation_do_not_tell():
    face = skin_like((60, 15, 18), (5, 3, 3))
    like = face.copy()
    like[..., 0] = np.where(face[..., 0] > 60, 72, 58)
    found = moved("histogram", face, like)[..., 0]
    assert np.mean((np.abs(found - 72) < 2) | (np.abs(found - 58) < 3)) > 0.9


def test_a_picture_of_one_colour_is_moved_without_being_stretched():
    flat = to_lab(np.full((60, 60, 3), (200, 150, 120), np.uint8))
    like = skin_like((66, 10, 24), (9, 5, 5))
    for way in TRANSFERS:
        assert np.ptp(moved(way, flat, like)[..., 0]) < 1e-3
