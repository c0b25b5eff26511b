"""Blending: `auto` picks what leaves the least seam, and runs from one way into the other."""

import numpy as np
import pytest

from facepipe.compositing.membrane import membrane
from facepipe.media.decode import Frame
from facepipe.swapping.blending import Blender, Shares, seam_energies, shares_of
from facepipe.swapping.masking import Shown
from facepipe.swapping.place import Place
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment
from facepipe_tests.compositing.painted import mesh_points

SIZE_PX = 128
Y, X = np.mgrid[:SIZE_PX, :SIZE_PX] - 63.5
RADIUS = np.hypot(X, Y)
OUTLINE = np.clip((55 - RADIUS) / 8, 0, 1).astype(np.float32)
SEAM = OUTLINE * np.clip((RADIUS - 39) / 8, 0, 1).astype(np.float32)
SHOWN = Shown(OUTLINE, SEAM, None)
REACH_PX = 12


def face():
    return np.random.default_rng(7).integers(80, 120, (SIZE_PX, SIZE_PX, 3), np.uint8)


def same():
    return face()


def lighter():
    return face() + np.uint8(40)


def bearded():
    """As the face, but for what is much darker below and much lighter above the outline."""
    there = face()
    there[(RADIUS > 38) & (X > 0)] = 230
    there[(RADIUS > 38) & (X < 0)] = 0
    return there


def energies(there_rgb):
    lacking = membrane(face(), there_rgb, SEAM, REACH_PX)
    return seam_energies(face(), there_rgb, lacking, SHOWN)


@pytest.mark.parametrize(
    ("there", "best"), [(same, "feather"), (lighter, "poisson"), (bearded, "multiband")]
)
def test_auto_picks_the_way_that_leaves_least_to_be_seen(there, best):
    shares = shares_of(energies(there()))
    assert getattr(shares, best) > 0.9, (energies(there()), shares)


def test_a_seam_that_nobody_sees_has_no_energy():
    assert energies(same()) == pytest.approx([0, 0, 0], abs=0.1)


def test_shares_are_whole_and_run_over_without_a_step():
    steps = [shares_of(np.array([level, 3.0, 9.0])) for level in np.linspace(0, 9, 200)]
    assert steps[0] == Shares(1, 0, 0)
    assert steps[-1] == Shares(0, 1, 0)
    assert np.sum(steps, axis=1) == pytest.approx(1)
    assert np.abs(np.diff(steps, axis=0)).max() < 0.1


def place_with(there_rgb):
    points = (mesh_points() - (160, 160, 0)) * 0.4 + (64, 64, 0)
    frame = Frame(0, 0.0, 0, there_rgb)
    return Place(frame, points, np.eye(2, 3, dtype=np.float32), there_rgb, points)


def blended(there_rgb, blend, times=1):
    blender = Blender(SwapSettings(blend=blend))
    place = place_with(there_rgb)
    for k in range(times):
        face_rgb, mixer = blender.blended(Moment(k / 25, 0, 0), place, face(), SHOWN)
    return mixer(there_rgb, face_rgb, OUTLINE)


@pytest.mark.parametrize("blend", ["auto", "feather", "poisson", "multiband"])
@pytest.mark.parametrize("there", [same, lighter, bearded])
def test_no_way_of_blending_changes_a_bit_outside_the_mask(blend, there):
    outside = OUTLINE == 0
    np.testing.assert_array_equal(blended(there(), blend)[outside], there()[outside])


def test_auto_looks_as_what_it_picks():
    np.testing.assert_array_equal(blended(lighter(), "auto"), blended(lighter(), "poisson"))
    np.testing.assert_array_equal(blended(same(), "auto"), blended(same(), "feather"))
    np.testing.assert_array_equal(blended(bearded(), "auto"), blended(bearded(), "multiband"))


def test_a_face_in_another_light_has_no_seam_left_by_poisson():
    ring = SEAM > 0.5
    left = {
        blend: np.abs(blended(lighter(), blend)[ring].astype(int) - lighter()[ring]).mean()
        for blend in ("feather", "poisson")
    }
    assert left["feather"] > 20
    assert left["poisson"] < 1
