"""A frozen embedder in torch says what the file says, and where to move a pixel to be alike."""

import cv2
import numpy as np
import onnx
import pytest
import torch

from facepipe.errors import ModelFileError, VerificationError
from facepipe.identity.embedding import arcface_crops, arcface_embedder, builtin_embedder
from facepipe.training import onnx_network
from facepipe.training.data import load_faces, network_square
from facepipe.training.embedder import FrozenEmbedder, arcface_squares, read_network
from facepipe.training.onnx_network import OnnxNetwork
from facepipe.training.onnx_reading import OnnxFile
from facepipe_tests.real import SHARED, STILLS, needs_real_media
from facepipe_tests.training.small_arcface import Layers, small_arcface


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return small_arcface(tmp_path_factory.mktemp("models") / "my_arcface.onnx")


def frozen(path):
    return FrozenEmbedder(arcface_embedder(path).file)


def as_faces(crops):
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("batch", ["N", 1])
@pytest.mark.parametrize("scales_itself", [False, True])
def test_it_embeds_faces_as_the_profile_s_embedder_does(tmp_path, make_faces, batch, scales_itself):
    path = small_arcface(tmp_path / "arcface.onnx", batch=batch, scales_itself=scales_itself)
    people = [make_faces(1, colour) for colour in ((200, 150, 120), (60, 90, 200))]
    crops = arcface_crops(np.concatenate([faces.crops_rgb for faces in people]))
    wanted = arcface_embedder(path).embed(crops)
    np.testing.assert_allclose(frozen(path)(as_faces(crops)).numpy(), wanted, atol=1e-5)
    assert wanted[0] @ wanted[1] < 0.9


def test_the_builtin_embedder_is_no_network():
    assert builtin_embedder().file is None


def test_its_gradient_says_how_the_embedding_changes(path):
    embedder = frozen(path)
    chance = torch.Generator().manual_seed(0)
    coarse = torch.rand(3, 3, 7, 7, generator=chance)
    face, move, other = torch.nn.functional.interpolate(coarse, 112, mode="bilinear").split(1)
    wanted = embedder(other)
    face.requires_grad_()
    (embedder(face) * wanted).sum().backward()
    step = 1e-3 * (move - 0.5)
    with torch.no_grad():
        ends = [(embedder(face + sign * step) * wanted).sum() for sign in (1, -1)]
    assert float((ends[0] - ends[1]) / 2) == pytest.approx(
        float((face.grad * step).sum()), rel=0.02
    )


def test_nothing_in_it_learns(path):
    assert not list(frozen(path).parameters())


def test_a_kind_that_is_not_known_is_named_in_one_line(tmp_path):
    path = small_arcface(tmp_path / "odd_arcface.onnx", last="Softmax")
    with pytest.raises(
        ModelFileError, match=r"odd_arcface\.onnx: its node .* is a Softmax"
    ) as told:
        frozen(path)
    assert "\n" not in str(told.value)


def test_another_size_of_pictures_is_refused(tmp_path):
    net = Layers()
    made = net.node("Flatten", net.node("GlobalAveragePool", "in"))
    path = net.file(tmp_path / "odd.onnx", made, (3,), given=(3, 128, 128))
    with pytest.raises(ModelFileError, match=r"3, 128, 128.*3, 112, 112"):
        read_network(OnnxFile(path), torch.rand(1, 3, 112, 112))


def test_a_file_that_torch_reads_otherwise_is_refused(path, monkeypatch):
    wrong = {**onnx_network._KINDS, "Relu": lambda _, given: given[0].abs()}
    monkeypatch.setattr(onnx_network, "_KINDS", wrong)
    with pytest.raises(VerificationError, match=r"make different embeddings of a face \(cosine 0"):
        frozen(path)


def test_weights_in_half_precision_are_widened(tmp_path, path):
    model = onnx.load(str(path))
    for tensor in model.graph.initializer:
        narrow = onnx.numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(onnx.numpy_helper.from_array(narrow, tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    onnx.save(model, str(tmp_path / "half.onnx"))
    picture = torch.rand(1, 3, 112, 112)
    half = read_network(OnnxFile(tmp_path / "half.onnx"), picture)(picture)
    whole = read_network(OnnxFile(path), picture)(picture)
    assert torch.cosine_similarity(half, whole) > 0.999


def _graph(build):
    """`build` appends to a graph whose input is `(N, 4, 9, 9)`."""
    return pytest.param(build, id=build.__name__)


def uneven_padding(net):
    weights = [net.weights(6, 2, 3, 3), net.weights(6)]
    return net.node("Conv", "in", *weights, pads=[0, 1, 2, 1], group=2, dilations=[2, 1])


def clipped_as_relu6(net):
    zero, six = (net.hold(np.float32(number)) for number in (0, 0.6))
    return net.node("Clip", net.node("Min", net.node("Max", "in", zero), six), zero, six)


def divided_and_leaky(net):
    halved = net.node("Div", net.node("Sub", "in", net.weights(4, 1, 1)), net.hold(np.float32(2)))
    return net.node("LeakyRelu", halved, alpha=0.3)


def one_slope_for_all(net):
    return net.node("PRelu", net.node("Sub", "in", net.hold(np.float32(0.5))), net.weights(1))


def a_slope_for_each_pixel(net):
    return net.node("PRelu", net.node("Sub", "in", net.hold(np.float32(0.5))), net.weights(4, 9, 9))


def mean_and_squeeze(net):
    mean = net.node("ReduceMean", "in", axes=[2], keepdims=1)
    squeezed = net.node("Squeeze", mean, net.hold(np.array([2])))
    return net.node("Unsqueeze", squeezed, net.hold(np.array([0, 3])))


def reshaped_and_multiplied(net):
    flat = net.node("Reshape", "in", net.hold(np.array([0, -1])))
    return net.node("MatMul", flat, net.weights(4 * 81, 5))


def reshaped_by_its_own_shape(net):
    """As `x.view(x.size(0), -1)` is exported for batches of any size."""
    first = net.node("Gather", net.node("Shape", "in"), net.hold(np.array(0)))
    first = net.node("Unsqueeze", first, net.hold(np.array([0])))
    return net.node("Reshape", "in", net.node("Concat", first, net.hold(np.array([-1])), axis=0))


def scaled_gemm(net):
    flat = net.node("Flatten", "in", axis=1)
    weights = [net.weights(4 * 81, 5), net.weights(5)]
    return net.node("Gemm", flat, *weights, alpha=0.5, beta=2.0)


def pools_of_odd_sizes(net):
    pooled = net.node("MaxPool", "in", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0])
    return net.node("AveragePool", pooled, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def a_constant_node(net):
    value = onnx.numpy_helper.from_array(np.float32([[[0.25]], [[1]], [[2]], [[3]]]))
    return net.node("Identity", net.node("Mul", "in", net.node("Constant", value=value)))


@pytest.mark.parametrize(
    "build",
    [
        _graph(build)
        for build in (
            uneven_padding, clipped_as_relu6, divided_and_leaky, one_slope_for_all,
            a_slope_for_each_pixel, mean_and_squeeze, reshaped_and_multiplied,
            reshaped_by_its_own_shape, scaled_gemm,
            pools_of_odd_sizes, a_constant_node,
        )
    ],
)  # fmt: skip
def test_each_kind_of_node_computes_what_onnxruntime_computes(tmp_path, build):
    net = Layers(3)
    made = build(net)
    onnx.save(net.model(made, None, (4, 9, 9), "N"), tmp_path / "p.onnx")
    file = OnnxFile(tmp_path / "p.onnx")
    picture = torch.rand(2, 4, 9, 9, generator=torch.Generator().manual_seed(1))
    (wanted,) = file.run({"in": picture.numpy()}, [made])
    found = OnnxNetwork(file, "in", made)(picture)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("pads", [{"pads": [0, 0, 1, 1]}, {"auto_pad": "SAME_UPPER"}])
def test_padding_that_torch_lacks_is_refused(tmp_path, pads):
    net = Layers()
    pooled = net.node("MaxPool", "in", kernel_shape=[2, 2], strides=[2, 2], **pads)
    path = net.file(tmp_path / "odd.onnx", pooled, (3, "h", "w"))
    with pytest.raises(ModelFileError, match=f"is a MaxPool with {next(iter(pads))}"):
        read_network(OnnxFile(path), torch.rand(1, 3, 112, 112))


@pytest.mark.parametrize("size", [128, 256])
def test_the_square_it_sees_is_arcface_s_at_any_size(make_faces, size):
    faces = make_faces(2)
    drawn = network_square(load_faces(faces, 5).rgb)
    drawn = torch.nn.functional.interpolate(drawn, size, mode="bilinear")
    found = arcface_squares(drawn)
    assert found.shape == (2, 3, 112, 112)
    assert (found - as_faces(arcface_crops(faces.crops_rgb))).abs().mean() < 0.01


@needs_real_media
@pytest.mark.realmedia
def test_mobileface_in_torch_says_what_onnxruntime_says():
    file = OnnxFile(SHARED / "models" / "mobileface_identification_v2.onnx")
    stills = sorted(STILLS.rglob("*.[jp][pn]g"))[:3]
    pictures = [cv2.resize(cv2.imread(str(still)), (112, 112)) for still in stills]
    taken = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32))
    network = read_network(file, taken)
    (name,) = file.inputs({4: (3, 112, 112)})
    (wanted,) = file.run({name: taken.numpy()}, [file.model.graph.output[0].name])
    found = network(taken.requires_grad_())
    cosines = torch.cosine_similarity(found, torch.from_numpy(wanted))
    assert len(pictures) == 3
    assert cosines.min() > 0.999999
    assert (found.detach().numpy() - wanted).max() < 1e-4 * np.abs(wanted).max()
    found.sum().backward()
    assert (taken.grad.abs().amax((1, 2, 3)) > 0).all()
