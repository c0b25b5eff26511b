"""Fading: a swap comes and goes steadily, whatever the face does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facepipe.swapping.casting import Part, cast
from facepipe.swapping.fading import MOST_STEP, faded, size_share
from facepipe.swapping.settings import SwapSettings
from facepipe_tests.compositing.painted import mesh_points, turned
from facepipe_tests.swapping.clips import landmarks_of

FADE_S = 0.2


def times(count, fps):
    return (np.arange(count) / fps).astype(np.float32)


@given(
    st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=2, max_size=40),
    st.sampled_from([10.0, 25.0, 60.0]),
)
def test_no_step_is_larger_than_stated_and_nothing_is_shown_where_nothing_may_be(raw, fps):
    raw = np.array(raw, np.float32)
    curve = faded(raw, times(len(raw), fps), np.zeros(len(raw)), FADE_S)
    assert np.abs(np.diff(curve)).max() <= min(MOST_STEP, 1 / fps / FADE_S) + 1e-5
    assert (curve <= raw).all()
    assert ((curve > 0) == (raw > 0)).all()


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=30))
def test_no_curve_that_keeps_the_steps_shows_more(raw):
    raw, at = np.array(raw, np.float32), times(len(raw), 25)
    curve = faded(raw, at, np.zeros(len(raw)), FADE_S)
    step = np.abs(at[:, None] - at) / FADE_S
    np.testing.assert_allclose(curve, (raw[None] + step).min(axis=1), atol=1e-5)


def test_a_cut_may_jump_and_a_clip_begins_and_ends_in_full():
    scene = np.repeat([0, 1, 2], 10)
    raw = np.where(scene == 1, 1, 0).astype(np.float32)
    np.testing.assert_array_equal(faded(raw, times(30, 25), scene, FADE_S), raw)


def test_an_even_curve_and_one_that_may_jump_stay_as_they_are():
    whole = np.ones(20, np.float32)
    np.testing.assert_array_equal(faded(whole, times(20, 25), np.zeros(20), FADE_S), whole)
    broken = np.array([0, 1, 0, 1], np.float32)
    np.testing.assert_array_equal(faded(broken, times(4, 25), np.zeros(4), 0), broken)


def test_a_face_that_enters_and_leaves_fades_in_and_out():
    front = mesh_points()
    points = [None, None, *[front] * 14, None, None]
    pts = tuple(range(0, 40 * len(points), 40))
    landmarks = landmarks_of(points, [0] * len(points), pts=pts)
    (role,) = cast(landmarks, [Part("ada", frozenset({0}))], SwapSettings()).roles
    expected = [0, 0, 0.2, 0.4, 0.6, 0.8, *[1] * 6, 0.8, 0.6, 0.4, 0.2, 0, 0]
    np.testing.assert_allclose(role.opacity, expected, atol=1e-5)


def test_a_head_that_jerks_away_pops_no_more_than_one_that_turns_slowly():
    front = mesh_points()
    points = [*[front] * 8, turned(front, 80), turned(front, 80), *[front] * 8]
    pts = tuple(range(0, 40 * len(points), 40))
    landmarks = landmarks_of(points, [0] * len(points), pts=pts)
    (role,) = cast(landmarks, [Part("ada", frozenset({0}))], SwapSettings()).roles
    assert np.abs(np.diff(role.opacity)).max() <= 0.2 + 1e-5
    assert role.opacity[[0, 8, 9, 17]].tolist() == [1, 0, 0, 1]


@pytest.mark.parametrize(("size_px", "share"), [(20, 0), (24, 0), (26.4, 0.5), (30, 1)])
def test_a_face_that_comes_near_fades_in_by_its_size(size_px, share):
    assert size_share(size_px, 24) == pytest.approx(share)
    assert size_share(size_px, 0) == 1
