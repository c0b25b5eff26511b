"""Finishing: a clean, soft face in a grainy, sharp film becomes like it, the same every time."""

import cv2
import numpy as np
import pytest

from facepipe.compositing.grain import texture_of, with_grain
from facepipe.media.decode import Frame
from facepipe.swapping.finishing import Finisher
from facepipe.swapping.place import place_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import Painter, frame_of

EVERYWHERE = np.ones((200, 240), np.float32)


@pytest.fixture(scope="module")
def pictures():
    frame, _ = frame_of(mesh_points())
    return with_grain(frame, 6, seed=9), cv2.GaussianBlur(frame, (0, 0), 2)


def finished(pictures, **settings):
    frame, points = frame_of(mesh_points())
    place = place_of(Frame(3, 0.0, 0, frame), points, Painter())
    return Finisher(SwapSettings(**settings)).finished(
        Moment(0.0, 0, 0), place, pictures, EVERYWHERE
    )


def texture(rgb):
    return texture_of(rgb, EVERYWHERE, 1.0)


def test_the_target_s_grain_is_met(pictures):
    below, above = pictures
    assert texture(above).grain < 1
    grainy = texture(finished(pictures, grain=1.0)).grain
    assert grainy == pytest.approx(texture(below).grain, rel=0.2)


def test_a_soft_face_comes_closer_to_the_target_s_sharpness(pictures):
    below, above = pictures
    found = texture(finished(pictures, detail=1.0)).detail
    assert texture(above).detail < found < texture(below).detail


def test_it_is_off_unless_asked_for_and_the_same_every_time(pictures):
    assert finished(pictures) is pictures[1]
    one, other = (finished(pictures, grain=1.0, detail=1.0) for _ in range(2))
    np.testing.assert_array_equal(one, other)
