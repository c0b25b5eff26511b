"""A float16 export is read by everybody and draws what the float32 one draws."""

from types import SimpleNamespace

import insightface
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from facepipe.errors import VerificationError
from facepipe.training.export import export_identity
from facepipe.training.half import half_difference, half_precision
from facepipe_tests.training.conftest import five_points_px
from facepipe_tests.training.foreign_readers import last_initializer
from facepipe_tests.training.published import PX, network


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    """A trained network's file, and the same in float16."""
    folder = tmp_path_factory.mktemp("trained")
    export_identity(base, folder)
    content = (folder / "model.onnx").read_bytes()
    (folder / "half.onnx").write_bytes(half_precision(content))
    return folder / "model.onnx", folder / "half.onnx"


def batch(count, seed=0):
    """Noise to draw over, which is harder than faces, and a person."""
    rng = np.random.default_rng(seed)
    person = rng.standard_normal(512).astype(np.float32)
    return rng.random((count, 3, PX, PX), np.float32), person / np.linalg.norm(person)


def test_it_draws_what_the_float32_network_draws(trained):
    found = half_difference(*(path.read_bytes() for path in trained), *batch(4))
    assert set(found) == {"1", "4"}
    assert 1e-6 < max(found.values()) <= 5e-3


def test_it_is_half_as_large_but_for_what_needs_its_digits(trained):
    graph = onnx.load(trained[0]).graph
    kept = {held.name: len(held.raw_data) for held in graph.initializer}
    kept_bytes = sum(kept[name] for name in ("emap", "textures", "here", "usual"))
    full, half = (path.stat().st_size for path in trained)
    assert half - kept_bytes < 0.6 * (full - kept_bytes)


def test_what_goes_in_and_out_and_the_map_stay_float32(trained):
    graph = onnx.load(trained[1]).graph
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
    assert [value.name for value in graph.input] == ["target", "source"]
    emap = last_initializer(trained[1])
    assert emap.dtype == np.float32
    np.testing.assert_array_equal(emap, np.eye(512, dtype=np.float32))


def test_converting_twice_gives_the_same_bytes(trained):
    assert half_precision(trained[0].read_bytes()) == trained[1].read_bytes()


@pytest.mark.filterwarnings(
    "ignore:`estimate` is deprecated:FutureWarning"
)  # scikit-image, in insightface
def test_insightface_swaps_with_it_as_with_the_float32_network(trained):
    frame_bgr = np.random.default_rng(0).integers(0, 255, (320, 320, 3), np.uint8)
    face = SimpleNamespace(kps=five_points_px().astype(np.float32))
    person = SimpleNamespace(normed_embedding=np.eye(512, dtype=np.float32)[3])
    swapped = []
    for path in trained:
        swapper = insightface.model_zoo.get_model(str(path))
        assert type(swapper).__name__ == "INSwapper"
        swapped.append(swapper.get(frame_bgr, face, person, paste_back=True).astype(int))
    assert (swapped[0] != frame_bgr).any()
    assert np.abs(swapped[0] - swapped[1]).max() <= 2


def bending_network():
    """Samples the target where a base grid and an offset by the person say, as a flow would."""
    across = np.linspace(-1, 1, PX, dtype=np.float32)
    grid = np.stack(np.meshgrid(across, across), -1)[None]
    return network(
        helper.make_node("MatMul", ["person", "pick"], ["offset"]),
        helper.make_node("Unsqueeze", ["offset", "axes"], ["offsets"]),
        helper.make_node("Mul", ["offsets", "reach"], ["flow"]),
        helper.make_node("Add", ["grid", "flow"], ["places"]),
        helper.make_node(
            "GridSample", ["target", "places"], ["output"], align_corners=1, padding_mode="border"
        ),
        pick=np.eye(512, 2, dtype=np.float32),
        axes=np.array([1, 2]),
        reach=np.array(0.05, np.float32),
        grid=grid,
    )


def test_places_to_sample_at_keep_their_precision():
    edges = np.zeros((1, 3, PX, PX), np.float32)
    edges[..., ::4] = 1
    content = bending_network()
    source = np.eye(512, dtype=np.float32)[0] * 0.8 + np.eye(512, dtype=np.float32)[1] * 0.6
    found = half_difference(content, half_precision(content), edges, source)
    assert max(found.values()) <= 5e-3


def test_a_network_that_float16_cannot_hold_is_refused():
    loud = network(
        helper.make_node("Mul", ["target", "large"], ["huge"]),
        helper.make_node("Mul", ["huge", "small"], ["output"]),
        large=np.array(6e4, np.float32),
        small=np.array(1 / 6e4, np.float32),
    )
    half = half_precision(loud)
    target, source = batch(1)
    with pytest.raises(VerificationError, match="export without --half"):
        half_difference(loud, half, target * 2, source)  # 120000 and more on the way
