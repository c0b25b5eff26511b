"""Casting: whose face, in which frame, and why not."""

import dataclasses

import numpy as np
import pytest

from facepipe.swapping.casting import EXTREME_POSE, NO_FACE, SMALL_FACE, Part, Spot, cast
from facepipe.swapping.settings import SwapSettings
from facepipe_tests.compositing.painted import mesh_points, turned
from facepipe_tests.swapping.clips import landmarks_of

SETTINGS = SwapSettings(swapper="mesh", fade_s=0)


def role_of(landmarks, tracks):
    (role,) = cast(landmarks, [Part("ada", frozenset(tracks))], SETTINGS).roles
    return role


def two_faces(first, second, tracks=(1, 2), frames=1):
    """Landmarks of `frames` frames that show two faces each."""
    one = landmarks_of([first] * frames, [tracks[0]] * frames)
    two = landmarks_of([second] * frames, [tracks[1]] * frames)
    both = {
        name: np.concatenate([getattr(one, name), getattr(two, name)], axis=1)
        for name in ("points_px", "score", "track_id", "bridged")
    }
    return dataclasses.replace(one, **both)


def test_each_frame_left_alone_says_why():
    front = mesh_points()
    points = [front, None, front, turned(front, 85), front * 0.05]
    cut = role_of(landmarks_of(points, [3, 0, 9, 3, 3]), {3})
    assert cut.reason == ("", NO_FACE, NO_FACE, EXTREME_POSE, SMALL_FACE)
    assert cut.opacity[0] == 1
    assert not cut.opacity[1:].any()
    assert all(np.isnan(cut.face_px(frame)).all() for frame in (1, 2))


def test_the_swap_fades_out_as_the_head_turns_away():
    yaws = (0, 20, 40, 50, 55, 60, 63, 66, 80)
    points = [turned(mesh_points(), yaw) for yaw in yaws]
    opacity = role_of(landmarks_of(points, [0] * 9), {0}).opacity
    assert opacity[0] == 1
    assert opacity[-1] == 0
    assert (np.diff(opacity) <= 0).all()
    assert ((opacity > 0) & (opacity < 1)).any()


def test_of_two_faces_of_the_person_the_surer_is_taken():
    two = two_faces(mesh_points(), mesh_points() + 30)
    two = dataclasses.replace(two, score=np.float32([[0.6, 0.8]]))
    found = role_of(two, {1, 2}).face_px(0)
    np.testing.assert_array_equal(found, two.points_px[0, 1])


@pytest.mark.parametrize("tracks", [set(), {5}])
def test_without_the_person_s_tracks_nothing_is_swapped(tracks):
    assert set(role_of(landmarks_of([mesh_points()], [1]), tracks).reason) == {NO_FACE}


def test_a_frame_is_left_alone_only_if_nobody_in_it_is_swapped():
    landmarks = two_faces(mesh_points(), turned(mesh_points(), 85), frames=2)
    parts = [Part("ada", frozenset({2})), Part("eve", frozenset({7}))]
    assert cast(landmarks, parts, SETTINGS).reason == (EXTREME_POSE, EXTREME_POSE)
    casting = cast(landmarks, [*parts, Part("bob", frozenset({1}))], SETTINGS)
    assert casting.reason == ("", "")
    assert casting.spots(1) == [Spot(1, 2)]
    assert cast(landmarks, [], SETTINGS).reason == (NO_FACE, NO_FACE)


def test_of_two_swapped_faces_the_nearer_is_fitted_in_later():
    landmarks = two_faces(mesh_points(), mesh_points() * 0.7)
    parts = [Part("ada", frozenset({1})), Part("eve", frozenset({2}))]
    casting = cast(landmarks, parts, SETTINGS)
    assert casting.spots(0) == [Spot(0, 1), Spot(0, 0)]
    np.testing.assert_array_equal(casting.face_px(Spot(0, 0)), mesh_points())
    assert casting.roles[1].track(0) == 2
