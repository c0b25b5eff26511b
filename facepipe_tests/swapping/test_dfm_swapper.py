"""DFMs are cut, fed and read as DeepFaceLive and FaceFusion do it."""

import numpy as np
import pytest

from facepipe.compositing.blend import cut_square
from facepipe.errors import ModelFileError
from facepipe.landmarks.alignment import apply_transform, whole_face_transform
from facepipe.landmarks.regions import five_points
from facepipe.swapping.contract import kind_of_model
from facepipe.swapping.dfm import DfmSwapper
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import frame_of, tiny_dfm, tiny_model
from facepipe_tests.training.foreign_readers import whole_face_crop

PX = 64


@pytest.fixture
def crops():
    return np.random.default_rng(8).integers(0, 256, (5, PX, PX, 3), np.uint8)


def points(count):
    return np.stack(
        [apply_transform(np.float32([[0.2, 0, 0], [0, 0.2, 0]]), mesh_points())] * count
    )


def test_a_dfm_that_changes_nothing_gives_back_every_colour(tmp_path, crops):
    drawn, believed = DfmSwapper(tiny_dfm(tmp_path / "a.dfm"), device="cpu").swap(crops, points(5))
    np.testing.assert_array_equal(drawn, crops)
    assert believed.shape == (5, PX, PX)
    np.testing.assert_allclose(believed, 1, atol=1e-6)


def test_it_is_believed_no_more_than_its_masks_say(tmp_path, crops):
    path = tiny_dfm(tmp_path / "a.dfm", mask=0.25)
    _, believed = DfmSwapper(path, device="cpu").swap(crops, points(5))
    np.testing.assert_allclose(believed, 0.25, atol=1e-6)


@pytest.mark.parametrize("morph", [0.0, 0.4, 1.0])
def test_the_morph_value_reaches_a_model_that_has_one(tmp_path, crops, morph):
    path = tiny_dfm(tmp_path / "a.dfm", morph=True)
    drawn, _ = DfmSwapper(path, morph, "cpu").swap(crops, points(5))
    wanted = np.clip(crops / 255 - morph / 2, 0, 1) * 255
    assert np.abs(drawn - wanted).max() <= 0.51


@pytest.mark.parametrize("batch", [1, 2])
def test_a_dfm_of_a_fixed_batch_draws_the_same(tmp_path, crops, batch):
    path = tiny_dfm(tmp_path / "a.dfm", batch=batch)
    drawn, believed = DfmSwapper(path, device="cpu").swap(crops, points(5))
    np.testing.assert_array_equal(drawn, crops)
    assert len(believed) == 5


def test_no_face_is_no_work(tmp_path, crops):
    drawn, believed = DfmSwapper(tiny_dfm(tmp_path / "a.dfm")).swap(crops[:0], points(1)[:0])
    assert drawn.shape == (0, PX, PX, 3)
    assert believed.shape == (0, PX, PX)


def test_the_square_is_the_one_that_facefusion_cuts(tmp_path):
    frame, placed = frame_of(mesh_points())
    five = five_points(placed)
    swapper = DfmSwapper(tiny_dfm(tmp_path / "a.dfm"), device="cpu")
    _, theirs = whole_face_crop(frame, five.astype(np.float64), PX)
    np.testing.assert_allclose(swapper.transform(five), theirs, atol=0.3)
    np.testing.assert_array_equal(swapper.transform(five), whole_face_transform(five, PX))
    assert cut_square(frame, swapper.transform(five), PX).shape == (PX, PX, 3)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"outputs": 2}, "it has 2 outputs"),
        ({"face": "image"}, r"its inputs are named \['image'\]"),
    ],
)
def test_another_contract_is_refused_by_what_was_found(tmp_path, changes, found):
    with pytest.raises(ModelFileError, match=found):
        DfmSwapper(tiny_dfm(tmp_path / "a.dfm", **changes))


def test_which_contract_a_file_is_in_is_told_by_its_inputs_and_not_by_its_name(tmp_path):
    assert kind_of_model(tiny_dfm(tmp_path / "a.onnx", morph=True)) == "dfm"
    assert kind_of_model(tiny_model(tmp_path / "b.dfm")) == "inswapper"
    other = tiny_model(tmp_path / "c.onnx", names=("image", "latent"))
    needed = r"named \['image', 'latent'\]; needed are \['source', 'target'\].*'in_face:0'"
    with pytest.raises(ModelFileError, match=needed):
        kind_of_model(other)
