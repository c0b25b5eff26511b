"""Masks are kept small, and come back as they were shown."""

import cv2
import numpy as np
import pytest

from facepipe.compositing.masks import hull_mask
from facepipe.errors import BadInputError
from facepipe.swapping.casting import Spot
from facepipe.swapping.masks import FaceMasks, KeptMasks, MaskLog
from facepipe_tests.compositing.painted import mesh_points


@pytest.mark.parametrize("size_px", [128, 320])
def test_a_kept_mask_is_the_shown_one_within_a_grade_of_its_slope(tmp_path, size_px):
    points = mesh_points() * (size_px / 320)
    shown = hull_mask(points, (size_px, size_px), erosion=0.0, feather=0.06)
    log = MaskLog()
    log.add(Spot(3, 0), FaceMasks(shown))
    log.add(Spot(3, 1), FaceMasks(shown * 0, np.ones_like(shown)))
    log.save(tmp_path / "masks.parquet")
    kept = KeptMasks(tmp_path / "masks.parquet")
    assert list(kept) == [(3, 0), (3, 1)]
    assert kept[Spot(3, 0)].visible is None
    assert kept[Spot(3, 1)].shown.max() == 0
    assert kept[Spot(3, 1)].visible.min() == 1
    again = cv2.resize(kept[Spot(3, 0)].shown, (size_px, size_px))
    assert np.abs(again - shown).mean() < 0.01
    assert np.abs(again - shown).max() < 0.3


def test_another_file_is_no_table_of_masks(tmp_path):
    (tmp_path / "masks.parquet").write_bytes(b"PAR1 no")
    for name in ("masks.parquet", "missing.parquet"):
        with pytest.raises(BadInputError, match=f"{name}: not a table of masks"):
            KeptMasks(tmp_path / name)
