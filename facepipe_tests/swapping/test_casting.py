"""Casting: whose face, in which frame, and why not."""

import dataclasses

import numpy as np
import pytest

from facepipe.swapping.casting import EXTREME_POSE, NO_FACE, SMALL_FACE, cast
from facepipe.swapping.settings import SwapSettings
from facepipe_tests.compositing.painted import mesh_points, turned
from facepipe_tests.swapping.clips import landmarks_of

SETTINGS = SwapSettings(swapper="mesh")


def test_each_frame_left_alone_says_why():
    front = mesh_points()
    points = [front, None, front, turned(front, 85), front * 0.05]
    cut = cast(landmarks_of(points, [3, 0, 9, 3, 3]), {3}, SETTINGS)
    assert cut.reason == ("", NO_FACE, NO_FACE, EXTREME_POSE, SMALL_FACE)
    assert cut.opacity[0] == 1
    assert not cut.opacity[1:].any()
    assert np.isnan(cut.points_px[1:3]).all()


def test_the_swap_fades_out_as_the_head_turns_away():
    yaws = (0, 20, 40, 50, 55, 60, 63, 66, 80)
    points = [turned(mesh_points(), yaw) for yaw in yaws]
    opacity = cast(landmarks_of(points, [0] * 9), {0}, SETTINGS).opacity
    assert opacity[0] == 1
    assert opacity[-1] == 0
    assert (np.diff(opacity) <= 0).all()
    assert ((opacity > 0) & (opacity < 1)).any()


def test_of_two_faces_of_the_person_the_surer_is_taken():
    one = landmarks_of([mesh_points()], [1])
    two = dataclasses.replace(
        one,
        points_px=np.concatenate([one.points_px, one.points_px + 30], axis=1),
        score=np.float32([[0.6, 0.8]]),
        track_id=np.int32([[1, 2]]),
        bridged=np.zeros((1, 2), bool),
    )
    found = cast(two, {1, 2}, SETTINGS).points_px[0]
    np.testing.assert_array_equal(found, two.points_px[0, 1])


@pytest.mark.parametrize("tracks", [set(), {5}])
def test_without_the_person_s_tracks_nothing_is_swapped(tracks):
    assert set(cast(landmarks_of([mesh_points()], [1]), tracks, SETTINGS).reason) == {NO_FACE}
