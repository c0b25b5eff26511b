"""Directions: mean, median and what points elsewhere."""

import numpy as np
import pytest

from facepipe.identity.people import join
from facepipe.identity.spherical import mean_direction, median_direction, outliers


def around(axis, count, spread, seed=0):
    """Unit vectors `(count, 8)` scattered about an axis."""
    vectors = np.eye(8)[axis] + np.random.default_rng(seed).normal(0, spread, (count, 8))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_mean_lies_between():
    mean = mean_direction(np.eye(8)[:2])
    np.testing.assert_allclose(mean[:2], np.sqrt(0.5))


def test_the_median_does_not_follow_a_third_of_strangers():
    vectors = np.concatenate([around(0, 20, 0.05), around(1, 10, 0.05)])
    assert median_direction(vectors)[0] > 0.99
    assert mean_direction(vectors)[0] < 0.95


def test_identical_vectors_have_a_median():
    np.testing.assert_allclose(median_direction(np.eye(8)[[3, 3, 3]]), np.eye(8)[3])


def test_outliers_are_those_that_point_elsewhere():
    vectors = np.concatenate([around(0, 20, 0.05), around(1, 3, 0.05)])
    assert outliers(vectors, 4, 0.1).tolist() == [False] * 20 + [True] * 3


def test_small_deviations_are_never_outliers():
    vectors = np.concatenate([np.eye(8)[[0] * 20], around(0, 1, 0.05)])
    assert not outliers(vectors, 4, 0.1).any()


@pytest.mark.parametrize("count", [1, 2, 4])
def test_of_a_handful_none_is_an_outlier(count):
    assert not outliers(np.eye(8)[:count], 4, 0.1).any()


def groups_of(cosines, apart=(), counts=None, alike=0.5):
    """Join tracks given the mean cosines between them."""
    exact = np.array(cosines)
    values, axes = np.linalg.eigh(exact)
    means = axes * np.sqrt(values)
    fixed = np.zeros(exact.shape, bool)
    for one, two in apart:
        fixed[one, two] = fixed[two, one] = True
    return join(means, np.ones(len(exact)) if counts is None else np.array(counts), fixed, alike)


def test_alike_tracks_are_joined_and_unlike_are_not():
    cosines = [[1, 0.1, 0.8], [0.1, 1, 0.2], [0.8, 0.2, 1]]
    assert groups_of(cosines) == [[0, 2], [1]]


def test_tracks_seen_together_are_never_joined_not_even_through_a_third():
    cosines = [[1, 0.9, 0.8], [0.9, 1, 0.8], [0.8, 0.8, 1]]
    assert groups_of(cosines, apart=[(0, 1)]) in ([[0, 2], [1]], [[0], [1, 2]])


def test_a_chain_of_likeness_does_not_join_its_ends():
    cosines = [[1, 0.6, 0.0], [0.6, 1, 0.55], [0.0, 0.55, 1]]
    assert groups_of(cosines) == [[0, 1], [2]]


def test_a_long_track_weighs_more_than_a_short_one():
    cosines = [[1, 0.9, 0.6], [0.9, 1, 0.2], [0.6, 0.2, 1]]
    assert groups_of(cosines, counts=[9, 1, 1]) == [[0, 1, 2]]
    assert groups_of(cosines, counts=[1, 9, 1]) == [[0, 1], [2]]
