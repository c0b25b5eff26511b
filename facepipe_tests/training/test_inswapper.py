"""Weights in inswapper_128's layout are read from any file, and drawn with as they were."""

from types import SimpleNamespace

import insightface
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnxruntime.transformers.float16 import convert_float_to_float16

from facepipe.errors import ModelFileError, VerificationError
from facepipe.training import inswapper_reader
from facepipe.training.inswapper import Inswapper, InswapperSettings
from facepipe.training.inswapper_graph import inswapper_layout_bytes
from facepipe.training.inswapper_reader import read_inswapper
from facepipe_tests.training.conftest import five_points_px
from facepipe_tests.training.foreign_inswapper import Foreign
from facepipe_tests.training.foreign_readers import last_initializer


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "theirs.onnx"
    path.write_bytes(Foreign().content())
    return path


@pytest.fixture(scope="module")
def network(foreign):
    return read_inswapper(foreign)[0]


def written(folder, **how):
    path = folder / "theirs.onnx"
    path.write_bytes(Foreign(**how).content())
    return path


def as_insightface_asks(path, target, embedding):
    """The picture a file gives when it is used as `INSwapper` uses it."""
    latent = embedding @ last_initializer(path)
    latent /= np.linalg.norm(latent)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options)
    names = [given.name for given in session.get_inputs()]
    return session.run(None, dict(zip(names, (target, latent), strict=True)))[0]


def face_and_person(seed=5):
    rng = np.random.default_rng(seed)
    embedding = rng.standard_normal((1, 512)).astype(np.float32)
    return rng.random((1, 3, 128, 128), np.float32), embedding / np.linalg.norm(embedding)


def drawn(network, target, embedding):
    with torch.no_grad():
        return network(torch.from_numpy(target), torch.from_numpy(embedding)).rgb.numpy()


@pytest.mark.parametrize("shift_first", [False, True])
@pytest.mark.parametrize("plus_one", [False, True])
def test_a_file_with_other_names_and_nodes_is_drawn_with_as_onnxruntime_does(
    tmp_path, shift_first, plus_one
):
    path = written(tmp_path, shift_first=shift_first, plus_one=plus_one)
    network, settings = read_inswapper(path)
    assert settings == InswapperSettings(width=4, blocks=2, epsilon=pytest.approx(1e-8))
    wanted = as_insightface_asks(path, *face_and_person())
    assert wanted.std() > 0.05  # it is no plain picture that anything would draw
    np.testing.assert_allclose(drawn(network, *face_and_person()), wanted, atol=1e-4)


def test_sizes_are_found_in_the_file(tmp_path):
    _, settings = read_inswapper(written(tmp_path, width=6, blocks=3))
    assert (settings.width, settings.blocks) == (6, 3)


def test_the_map_of_embeddings_is_kept_and_written_back_as_the_last_initializer(
    foreign, network, tmp_path
):
    again = tmp_path / "ours.onnx"
    again.write_bytes(inswapper_layout_bytes(network, {}))
    np.testing.assert_array_equal(last_initializer(again), last_initializer(foreign))


def test_what_is_written_is_read_back_bit_for_bit_and_drawn_by_others_alike(
    foreign, network, tmp_path
):
    ours = tmp_path / "ours.onnx"
    ours.write_bytes(inswapper_layout_bytes(network, {}))
    again, _ = read_inswapper(ours)
    for name, weights in network.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name]), name
    pictures = [as_insightface_asks(path, *face_and_person()) for path in (foreign, ours)]
    np.testing.assert_allclose(*pictures, atol=1e-4)


def test_what_is_written_takes_any_number_of_faces(network, tmp_path):
    ours = tmp_path / "ours.onnx"
    ours.write_bytes(inswapper_layout_bytes(network, {}))
    target, embedding = face_and_person()
    several = np.concatenate([target, target[:, :, ::-1], 1 - target])
    people = np.concatenate([embedding, -embedding, embedding[:, ::-1]])
    latent = people @ last_initializer(ours)
    latent /= np.linalg.norm(latent, axis=1, keepdims=True)
    session = ort.InferenceSession(ours)
    found = session.run(["output"], {"target": several, "source": latent})[0]
    np.testing.assert_allclose(found, drawn(network, several, people.copy()), atol=1e-4)


def test_a_file_in_float16_is_read_as_well(foreign, tmp_path):
    half = tmp_path / "half.onnx"
    onnx.save(convert_float_to_float16(onnx.load(foreign), keep_io_types=True), half)
    network, _ = read_inswapper(half)
    wanted = as_insightface_asks(foreign, *face_and_person())
    np.testing.assert_allclose(drawn(network, *face_and_person()), wanted, atol=5e-3)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("kernel", r"convolution 1 of 12 has 3 to 4 channels, kernel \(5, 5\)"),
        (
            "stride",
            r"convolution 3 of 12 has 8 to 16 channels.*stride \(1, 1\).*\(2, 2\)",
        ),
        ("zero_pad", r"convolution 5 of 12 .*\(1, 1, 1, 1\) zeros and \(0, 0, 0, 0\) mirrored"),
        ("leak", r"before convolution 2 of 12 something else is done, by LeakyRelu"),
        ("smoothing", r"before convolution 9 of 12 something else is done, by .*Resize"),
        ("no_residual", r"before convolution 7 of 12 something else is done, by"),
        ("two_epsilons", r"to the variances it adds \[.*\]; needed: one number for all"),
        ("short_map", r"its last initializer has shape \(256, 512\); needed: \(512, 512\)"),
        ("side", r"its inputs have the shapes .*\(1, 3, 256, 256\)"),
    ],
)
def test_another_layout_is_refused_by_what_was_found_where(tmp_path, odd, said):
    path = written(tmp_path, odd=odd)
    with pytest.raises(ModelFileError, match=said) as caught:
        read_inswapper(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_network_of_another_kind_is_refused_by_its_layers(base, tmp_path):
    from facepipe.training.export import export_identity

    export_identity(base, tmp_path)
    with pytest.raises(ModelFileError, match=r"has \d+ convolutions and \d+ fully connected"):
        read_inswapper(tmp_path / "model.onnx")


@pytest.mark.parametrize("content", [None, b"no network"])
def test_what_is_no_onnx_file_is_refused(tmp_path, content):
    path = tmp_path / "some.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFileError, match=r"some\.onnx"):
        read_inswapper(path)


def test_a_picture_that_differs_too_much_fails_the_check(foreign, monkeypatch):
    monkeypatch.setattr(inswapper_reader, "MOST_DIFFERENCE", -1.0)
    with pytest.raises(VerificationError, match=r"theirs\.onnx draws a face that differs"):
        read_inswapper(foreign)


@pytest.mark.filterwarnings("ignore:`estimate` is deprecated:FutureWarning")  # in insightface
def test_insightface_loads_what_is_written_and_swaps_with_it(network, tmp_path):
    ours = tmp_path / "ours.onnx"
    ours.write_bytes(inswapper_layout_bytes(network, {}))
    swapper = insightface.model_zoo.get_model(str(ours))
    assert type(swapper).__name__ == "INSwapper"
    frame_bgr = np.random.default_rng(0).integers(0, 255, (320, 320, 3), np.uint8)
    face = SimpleNamespace(kps=five_points_px().astype(np.float32))
    person = SimpleNamespace(normed_embedding=face_and_person()[1][0])
    swapped = swapper.get(frame_bgr, face, person, paste_back=True)
    assert (swapped != frame_bgr).any()
    assert (swapped[:8] == frame_bgr[:8]).all()


def test_a_new_network_of_the_default_size_has_the_layouts_138_million_parameters():
    with torch.device("meta"):
        network = Inswapper(InswapperSettings())
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 138.3  # as published


@pytest.mark.soak  # a minute, and 5 GB of memory
def test_a_file_of_the_full_size_is_read_and_written_back(tmp_path):
    path = written(tmp_path, width=128, blocks=6)
    network, settings = read_inswapper(path)
    assert (settings.width, settings.blocks) == (128, 6)
    assert sum(p.numel() for p in network.parameters()) > 138e6
    ours = tmp_path / "ours.onnx"
    ours.write_bytes(inswapper_layout_bytes(network, {}))
    pictures = [as_insightface_asks(at, *face_and_person()) for at in (path, ours)]
    np.testing.assert_allclose(*pictures, atol=1e-4)
