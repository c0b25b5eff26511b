"""Occluder files are read as their layouts say, and refused where they say something else."""

import numpy as np
import pytest

from facepipe.errors import ModelFileError
from facepipe.occlusion.contract import LAYOUTS
from facepipe.occlusion.occluder import Occluder, calmed, read_layout
from facepipe_tests.occlusion.by_hand import BLUE, GREEN, RED, colour_file


def picture():
    square = np.zeros((256, 256, 3), np.uint8)
    square[:, :128] = (255, 51, 0)
    return square


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("channel", "left"), [(RED, 1.0), (GREEN, 0.2), (BLUE, 0.0)])
def test_files_are_fed_blue_green_red_from_0_to_1(tmp_path, layout, channel, left):
    path = colour_file(tmp_path / "o.onnx", channel, LAYOUTS[layout])
    assert read_layout(path) == layout
    shares = Occluder(path, "cpu", 1).shares(picture())
    np.testing.assert_allclose(shares[:, :128], left, atol=1e-6)
    assert not shares[:, 128:].any()


@pytest.mark.parametrize(
    "wrong",
    [{"names": ("image", "output")}, {"names": ("input", "mask")}, {"side": 128}],
    ids=str,
)
def test_files_of_other_names_and_sizes_are_refused(tmp_path, wrong):
    path = colour_file(tmp_path / "o.onnx", **wrong)
    with pytest.raises(ModelFileError, match="no occluder: it takes"):
        Occluder(path)


def test_missing_damaged_and_senseless_files_are_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        read_layout(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("no graph at all")
    with pytest.raises(ModelFileError, match="not an ONNX file"):
        read_layout(tmp_path / "text.onnx")
    senseless = Occluder(colour_file(tmp_path / "n.onnx", gain=np.nan), "cpu", 1)
    with pytest.raises(ModelFileError, match="no number"):
        senseless.shares(picture())


def test_shares_beyond_their_range_are_cut_off(tmp_path):
    found = Occluder(colour_file(tmp_path / "o.onnx", RED, gain=3.0), "cpu", 1).shares(picture())
    assert found.max() == 1


def test_calmed_masks_keep_what_is_sure_and_drop_what_is_half_sure():
    shares = np.ones((256, 256), np.float32)
    shares[:, :100] = 0
    mask = calmed(shares)
    assert mask[:, :100].max() < 0.1  # nothing is shown beyond the edge
    assert mask[:, 130:].min() > 0.999
    assert np.all(np.diff(mask[128]) >= -1e-6)
    assert not calmed(np.full((64, 64), 0.5, np.float32)).any()
