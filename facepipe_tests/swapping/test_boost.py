"""Pixel boost: a square in many coarse ones, and back, without a grid."""

import cv2
import numpy as np
import pytest

from facepipe.landmarks.alignment import apply_transform, network_from_face, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.swapping.boost import BoostedSwapper, merged, split
from facepipe.swapping.swapper import NotFiniteError
from facepipe_tests.compositing.painted import mesh_points, paint
from facepipe_tests.swapping.clips import Painter


class Seen(Painter):
    """Draws what `change` makes of each square, and remembers what it was shown."""

    def __init__(self, change, size_px=32):
        super().__init__(size_px=size_px)
        self._change = change
        self.points_px = []

    def swap(self, crops_rgb, points_px):
        self.batches.append(len(crops_rgb))
        self.points_px.append(points_px)
        drawn = [self._change(crop.astype(float), k) for k, crop in enumerate(crops_rgb)]
        rgb = np.clip(np.round(drawn), 0, 255).astype(np.uint8)
        return rgb, np.full(crops_rgb.shape[:3], 0.5, np.float32)


def squares(count, side):
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), np.uint8)


def points(count, side):
    return np.stack([apply_transform(network_from_face(side), mesh_points())] * count)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_a_swapper_that_changes_nothing_gives_back_every_bit(factor):
    crops = squares(2, 32 * factor)
    boosted = BoostedSwapper(Seen(lambda crop, k: crop), factor, batch=8)
    drawn, believed = boosted.swap(crops, points(2, 32 * factor))
    np.testing.assert_array_equal(drawn, crops)
    assert (believed == 0.5).all()
    assert believed.shape == crops.shape[:3]


def test_each_square_holds_every_kth_pixel_and_the_face_where_it_is_in_it():
    crops = squares(1, 96)
    phases = split(crops, 3)
    np.testing.assert_array_equal(phases[0, 5], crops[0, 1::3, 2::3])
    np.testing.assert_array_equal(merged(phases, 3), crops)
    seen = Seen(lambda crop, k: crop)
    BoostedSwapper(seen, 3, batch=9).swap(crops, points(1, 96))
    # pixel (x, y) of the sixth square is pixel (3 x + 2, 3 y + 1) of the whole one
    placed = seen.points_px[0][5][:, :2] * 3 + [2, 1]
    np.testing.assert_allclose(placed, points(1, 96)[0][:, :2], atol=1e-3)


def test_the_square_is_the_swappers_at_so_many_times_its_side():
    five = five_points(mesh_points())
    boosted = BoostedSwapper(Painter(size_px=64), 4, batch=8)
    np.testing.assert_allclose(boosted.transform(five), network_transform(five, 256), atol=1e-4)


def test_squares_are_drawn_so_many_at_a_time_and_no_face_is_no_work():
    seen = Seen(lambda crop, k: crop)
    BoostedSwapper(seen, 2, batch=3).swap(squares(2, 64), points(2, 64))
    assert seen.batches == [3, 3, 2]
    assert BoostedSwapper(seen, 2, batch=3).swap(squares(0, 64), points(1, 64)[:0])[0].size == 0


def test_squares_drawn_in_other_tones_leave_no_grid():
    face = cv2.resize(paint(mesh_points())[32:288, 32:288], (64, 64), interpolation=cv2.INTER_AREA)
    tones = (0, 9, -7, 4)
    boosted = BoostedSwapper(Seen(lambda crop, k: crop * 0.8 + 30 + tones[k]), 2, batch=4)
    drawn, _ = boosted.swap(face[None], points(1, 64))
    wanted = face * 0.8 + 30 + np.mean(tones)
    assert np.abs(drawn[0] - wanted).max() <= 2
    grid = [drawn[0, y::2, x::2].mean() - wanted[y::2, x::2].mean() for y in (0, 1) for x in (0, 1)]
    assert np.ptp(grid) < 0.2  # of the 16 grades between the tones


def test_what_is_no_number_is_told_by_its_face_and_not_by_its_square():
    class Broken(Painter):
        def swap(self, crops_rgb, points_px):
            if self.batches:
                raise NotFiniteError("model.onnx", 2)
            return super().swap(crops_rgb, points_px)

    # the fourth and later squares of the second batch of three belong to the second of four
    with pytest.raises(NotFiniteError) as caught:
        BoostedSwapper(Broken(size_px=32), 2, batch=3).swap(squares(2, 64), points(2, 64))
    assert caught.value.face == 1
