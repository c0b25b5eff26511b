"""Parts that are kept: nothing of the swap is shown on them, all of it elsewhere."""

import numpy as np
import pytest

from facepipe.compositing.parts import PARTS, without_parts
from facepipe.landmarks.regions import LIPS_INNER, RIGHT_EYE, fill_region
from facepipe_tests.compositing.painted import mesh_points

SIZE_WH = (320, 320)
POINTS = mesh_points(mouth_open=20)
PLACES = {"brows": 105, "eyes": 468, "mouth": 13, "chin": 199}
"""A landmark in the middle of each part."""


def at(mask, index):
    x, y = POINTS[index, :2].round().astype(int)
    return mask[y, x]


@pytest.mark.parametrize("part", list(PARTS))
def test_a_kept_part_is_left_out_and_no_other(part):
    mask = without_parts(POINTS, SIZE_WH, [part], feather=0.01)
    shown = {other: at(mask, place) for other, place in PLACES.items() if other != "mouth"}
    assert {other for other, value in shown.items() if value < 0.5} == {part} - {"mouth"}
    assert mask[0, 0] == 1


def test_with_nothing_kept_all_is_shown():
    assert (without_parts(POINTS, SIZE_WH, [], feather=0.05) == 1).all()


def test_the_whole_part_is_kept_and_the_swap_fades_in_around_it():
    mask = without_parts(POINTS, SIZE_WH, ["eyes", "mouth"], feather=0.05)
    for outline in (RIGHT_EYE, LIPS_INNER):
        assert mask[fill_region(POINTS, outline, SIZE_WH)].max() < 0.1
    assert np.abs(np.diff(mask, axis=1)).max() < 0.3
    assert 0.2 < np.median(mask[(mask > 0) & (mask < 1)]) < 0.8
