"""Swappers: the inswapper contract as InsightFace reads it, and the mesh."""

import numpy as np
import pytest

from facepipe.errors import ModelFileError, ShapeError
from facepipe.landmarks.alignment import apply_transform, cut, network_from_face
from facepipe.swapping.contract import read_contract
from facepipe.swapping.swapper import MeshSwapper, OnnxSwapper
from facepipe_tests.compositing.painted import mesh_points, paint, person
from facepipe_tests.swapping.clips import tiny_model


@pytest.fixture(scope="module")
def embedding():
    vector = np.random.default_rng(7).normal(size=512).astype(np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def crops():
    return np.random.default_rng(8).integers(0, 256, (5, 128, 128, 3), np.uint8)


def points(count, size_px=128):
    return np.stack([apply_transform(network_from_face(size_px), mesh_points())] * count)


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")  # insightface's own
def test_the_model_draws_what_insightface_would_draw(tmp_path, embedding):
    from insightface.app.common import Face
    from insightface.model_zoo import get_model
    from insightface.utils.face_align import norm_crop2

    path = tiny_model(tmp_path / "tiny.onnx")
    theirs = get_model(str(path), providers=["CPUExecutionProvider"])
    assert type(theirs).__name__ == "INSwapper"
    frame = np.random.default_rng(9).integers(0, 256, (300, 300, 3), np.uint8)
    five = np.float32([[110, 120], [180, 118], [146, 160], [115, 200], [178, 199]])
    drawn_bgr, _ = theirs.get(
        np.ascontiguousarray(frame[..., ::-1]),
        Face(kps=five),
        Face(embedding=embedding * 20),
        paste_back=False,
    )
    crop, _ = norm_crop2(frame, five, 128)
    ours, _ = OnnxSwapper(path, embedding, "cpu").swap(crop[None], points(1))
    difference = np.abs(ours[0].astype(int) - drawn_bgr[..., ::-1])
    assert difference.max() <= 1  # they truncate, we round


def test_the_last_initializer_maps_the_embedding_and_is_made_unit_length(
    tmp_path, embedding, crops
):
    path = tiny_model(tmp_path / "tiny.onnx")
    drawn, believed = OnnxSwapper(path, embedding, "cpu").swap(crops, points(5))
    held = np.random.default_rng(4)
    tint, emap = held.normal(0, 0.4, (512, 3)), held.normal(0, 1, (512, 512))
    latent = embedding @ emap
    wanted = np.clip(crops / 255 + latent / np.linalg.norm(latent) @ tint, 0, 1) * 255
    assert np.abs(drawn - wanted).max() <= 0.51
    assert (believed == 1).all()


def test_the_length_of_the_embedding_changes_nothing(tmp_path, embedding, crops):
    path = tiny_model(tmp_path / "tiny.onnx")
    unit, _ = OnnxSwapper(path, embedding, "cpu").swap(crops, points(5))
    long, _ = OnnxSwapper(path, embedding * 23, "cpu").swap(crops, points(5))
    np.testing.assert_array_equal(unit, long)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_model_of_a_fixed_batch_draws_the_same(tmp_path, embedding, crops, batch):
    free = OnnxSwapper(tiny_model(tmp_path / "free.onnx"), embedding, "cpu")
    fixed = OnnxSwapper(tiny_model(tmp_path / "fixed.onnx", batch=batch), embedding, "cpu")
    wanted, _ = free.swap(crops, points(5))
    np.testing.assert_array_equal(fixed.swap(crops, points(5))[0], wanted)


def test_a_half_precision_model_of_another_size_is_read_from_the_graph(tmp_path, embedding):
    path = tiny_model(tmp_path / "half.onnx", dtype=np.float16, size_px=64)
    swapper = OnnxSwapper(path, embedding, "cpu")
    assert swapper.size_px == 64
    squares = np.full((2, 64, 64, 3), 90, np.uint8)
    assert swapper.swap(squares, points(2, 64))[0].shape == (2, 64, 64, 3)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"names": ("image", "latent")}, r"its inputs are named \['image', 'latent'\]"),
        ({"tail": [np.zeros((3, 3), np.float32)]}, r"its last initializer has shape \(3, 3\)"),
    ],
)
def test_another_contract_is_refused_by_what_was_found(tmp_path, changes, found):
    path = tiny_model(tmp_path / "other.onnx", **changes)
    with pytest.raises(ModelFileError, match=found):
        read_contract(path)


def test_a_missing_or_damaged_file_is_refused(tmp_path, embedding):
    with pytest.raises(ModelFileError, match="no such file"):
        OnnxSwapper(tmp_path / "none.onnx", embedding)
    (tmp_path / "text.onnx").write_text("this is no model, only text")
    with pytest.raises(ModelFileError, match=r"text\.onnx"):
        OnnxSwapper(tmp_path / "text.onnx", embedding)


def test_squares_of_another_size_are_refused(tmp_path, embedding):
    swapper = OnnxSwapper(tiny_model(tmp_path / "tiny.onnx"), embedding, "cpu")
    with pytest.raises(ShapeError, match=r"crops_rgb must have shape \(B, 128, 128, 3\)"):
        swapper.swap(np.zeros((1, 64, 64, 3), np.uint8), points(1))


def test_the_mesh_draws_each_face_by_itself():
    swapper = MeshSwapper(person())
    size = swapper.size_px
    crop = cut(paint(mesh_points()), network_from_face(size), size)
    both, masks = swapper.swap(np.stack([crop, crop]), points(2, size))
    np.testing.assert_array_equal(both[0], both[1])
    assert masks.shape == (2, size, size)
    assert swapper.swap(crop[None][:0], points(1, size)[:0])[0].shape == (0, size, size, 3)
