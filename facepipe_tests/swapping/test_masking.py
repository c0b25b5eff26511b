"""Masks: the least of all counts, and one of another size is refused."""

import numpy as np
import pytest

from facepipe.errors import ShapeError
from facepipe.media.decode import Frame
from facepipe.swapping.casting import Part, Spot, cast
from facepipe.swapping.fitting import Fitter
from facepipe.swapping.masking import Masker
from facepipe.swapping.place import place_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import Moment
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import Painter, frame_of, landmarks_of

SIZE_PX = 128
EVERYWHERE = np.ones((SIZE_PX, SIZE_PX), np.float32)


class Hiding:
    """An occlusion that sees so much of the face in each column."""

    def __init__(self, seen):
        self.seen = np.broadcast_to(seen, (SIZE_PX, SIZE_PX)).astype(np.float32)

    def visible(self, place):
        return self.seen


@pytest.fixture(scope="module")
def place():
    frame, points = frame_of(mesh_points())
    return place_of(Frame(0, 0.0, 0, frame), points, Painter())


def moment(pts_s=0.0):
    return Moment(pts_s, 0, 0)


def shown(place, *occlusions, believed=EVERYWHERE, **settings):
    return Masker(SwapSettings(**settings), occlusions).shown(moment(), place, believed)


LEFT = np.where(np.arange(SIZE_PX) < 64, 0.0, 1.0)
HALF = np.full(SIZE_PX, 0.5)


def test_the_least_that_any_mask_allows_is_shown(place):
    alone = shown(place)
    found = shown(place, Hiding(LEFT), Hiding(HALF), believed=EVERYWHERE * 0.8)
    np.testing.assert_allclose(found.mask, np.minimum(alone.mask, np.minimum(LEFT, HALF)))
    np.testing.assert_array_equal(found.visible, Hiding(np.minimum(LEFT, HALF)).seen)
    assert alone.visible is None


def test_nothing_is_taken_for_a_seam_where_something_hides_the_face(place):
    assert shown(place).seam[:, :60].any()
    assert not shown(place, Hiding(LEFT)).seam[:, :64].any()


@pytest.mark.parametrize("part", ["brows", "eyes", "mouth", "chin"])
def test_a_part_that_is_not_swapped_is_not_shown(place, part):
    without = shown(place, **{f"swap_{part}": False}).mask
    missing = shown(place).mask - without
    assert missing.max() > 0.5
    assert missing.sum() < 0.3 * shown(place).mask.sum()


def test_a_larger_padding_shows_more_and_never_less(place):
    small, large = (shown(place, erosion=erosion).mask for erosion in (0.05, -0.05))
    assert (large >= small).all()
    assert large.sum() > 1.1 * small.sum()


@pytest.mark.parametrize("size", [(64, 64), (SIZE_PX, SIZE_PX, 1)])
def test_a_mask_of_another_size_is_refused_with_both_sizes(place, size):
    class Wrong:
        def visible(self, place):
            return np.ones(size, np.float32)

    with pytest.raises(ShapeError, match=r"mask of a face's square must have shape \(128, 128\)"):
        shown(place, Wrong())


def test_masks_that_tremble_are_calmed_where_the_picture_is_still(place):
    rng = np.random.default_rng(1)
    sights = [Hiding(0.5 + 0.3 * rng.choice([-1, 1], SIZE_PX)) for _ in range(20)]

    def tremble(**settings):
        hiding = Hiding(HALF)
        masker, masks = Masker(SwapSettings(**settings), [hiding]), []
        for k, sight in enumerate(sights):
            hiding.seen = sight.seen
            masks.append(masker.shown(moment(k / 25), place, EVERYWHERE).mask)
        return np.abs(np.diff(np.stack(masks), axis=0)).mean()

    assert tremble() < 0.6 * tremble(steady_s=0)


def test_where_nothing_is_visible_the_frame_keeps_every_bit():
    frame, points = frame_of(mesh_points())
    casting = cast(landmarks_of([points], [0]), [Part("ada", frozenset({0}))], SwapSettings())
    fitter = Fitter(casting, SwapSettings(), [[Hiding(np.zeros(SIZE_PX))]])
    source = Frame(0, 0.0, 0, frame)
    drawn = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8), EVERYWHERE
    out = fitter.fit(source, Spot(0, 0), place_of(source, points, Painter()), drawn)
    np.testing.assert_array_equal(out.rgb, frame)
