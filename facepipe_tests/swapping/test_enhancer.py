"""Face enhancers are fed and read as GFPGAN's, CodeFormer's and GPEN's files are."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from facepipe.compositing.blend import cut_square
from facepipe.errors import ModelFileError
from facepipe.landmarks.alignment import FFHQ, apply_transform, ffhq_transform
from facepipe.landmarks.regions import five_points
from facepipe.swapping.enhancer import FaceEnhancer
from facepipe.swapping.refining import RefinedSwapper
from facepipe.swapping.swapper import NotFiniteError
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import Painter, frame_of

PX = 64
POINTS = np.zeros((3, 478, 3), np.float32)


def tiny_enhancer(path, *, weight=None, last="Neg", name="input"):
    """Negates the picture; with a weight of such a shape, multiplies by that as well."""
    real, kind = helper.make_tensor_value_info, onnx.TensorProto
    nodes = [helper.make_node(last, [name], ["drawn" if weight is not None else "output"])]
    inputs = [real(name, kind.FLOAT, [1, 3, PX, PX])]
    if weight is not None:
        inputs.append(real("weight", kind.DOUBLE, weight))
        nodes.append(helper.make_node("Cast", ["weight"], ["share"], to=kind.FLOAT))
        nodes.append(helper.make_node("Mul", ["drawn", "share"], ["output"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [real("output", kind.FLOAT, [1, 3, PX, PX])],
        [numpy_helper.from_array(np.float32(0), "unused")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    return path


@pytest.fixture
def faces():
    return np.random.default_rng(2).integers(0, 256, (3, PX, PX, 3), np.uint8)


@pytest.mark.parametrize("blend", [0.0, 0.4, 1.0])
def test_what_it_draws_is_mixed_in_by_its_blend(tmp_path, faces, blend):
    drawn = FaceEnhancer(tiny_enhancer(tmp_path / "a.onnx"), blend, device="cpu").refine(
        faces, POINTS
    )
    wanted = (1 - blend) * faces.astype(float) + blend * (255 - faces.astype(float))
    assert np.abs(drawn - wanted).max() <= 0.51


@pytest.mark.parametrize("shape", [[], [1]])
def test_codeformers_weight_is_given_by_name_as_the_number_the_file_wants(tmp_path, faces, shape):
    path = tiny_enhancer(tmp_path / "a.onnx", weight=shape)
    drawn = FaceEnhancer(path, 1.0, 0.25, "cpu").refine(faces, POINTS)
    wanted = (1 - 0.25 * (faces / 127.5 - 1)) * 127.5
    assert np.abs(drawn - wanted).max() <= 0.51


def test_a_file_of_another_contract_is_refused_by_what_was_found(tmp_path):
    with pytest.raises(ModelFileError, match=r"no face enhancer: its inputs are named \['image'\]"):
        FaceEnhancer(tiny_enhancer(tmp_path / "a.onnx", name="image"), 1.0)


def test_what_is_no_number_is_refused_with_its_face(tmp_path, faces):
    path = tiny_enhancer(tmp_path / "a.onnx", last="Sqrt")
    bright = np.maximum(faces, 128)
    enhancer = FaceEnhancer(path, 1.0, device="cpu")
    assert enhancer.refine(bright, POINTS).shape == bright.shape
    bright[1, 5, 5] = 100
    with pytest.raises(NotFiniteError) as caught:
        enhancer.refine(bright, POINTS)
    assert caught.value.face == 1


class Untouched:
    """A refiner that changes nothing."""

    size_px = 256

    def refine(self, pictures_rgb, points_px):
        self.given = pictures_rgb
        return pictures_rgb


def test_a_face_is_handed_on_as_ffhq_aligns_it_with_the_drawn_one_in_its_place():
    frame, placed = frame_of(mesh_points())
    refiner = Untouched()
    swapper = RefinedSwapper(Painter((0, 200, 0)), refiner)
    move = swapper.transform(five_points(placed))
    np.testing.assert_array_equal(move, ffhq_transform(five_points(placed), 256))
    points = apply_transform(move, placed)
    assert np.abs(five_points(points) - FFHQ * 256).max() < 12  # a painted face is no photo
    crop = cut_square(frame, move, 256)
    drawn, believed = swapper.swap(crop[None], points[None])
    assert (believed == 1).all()
    nose = points[1, :2].round().astype(int)
    assert drawn[0, nose[1], nose[0]].tolist() == [0, 200, 0]
    np.testing.assert_array_equal(drawn[0, :4], crop[:4])  # beyond the network's square
    np.testing.assert_array_equal(refiner.given, drawn)


def test_no_face_is_no_work():
    drawn, _ = RefinedSwapper(Painter(), Untouched()).swap(
        np.zeros((0, 256, 256, 3), np.uint8), np.zeros((0, 478, 3), np.float32)
    )
    assert drawn.shape == (0, 256, 256, 3)
