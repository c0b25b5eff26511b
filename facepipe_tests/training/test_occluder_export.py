"""Exported occluders say what torch says, in both layouts, as strict readers take them."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from facepipe.errors import VerificationError
from facepipe.training import occluder_export
from facepipe.training.occluder_export import occluder_files, shares
from facepipe.training.occluder_network import OccluderShape, seeded_occluder


@pytest.fixture(scope="module", params=[128, 256])
def network(request):
    """One with biases and scales that do something."""
    found = seeded_occluder(OccluderShape(request.param, 8, (1, 1, 1, 1)), 1).eval()
    with torch.no_grad():
        for weight in found.parameters():
            weight.add_(
                0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
            )
    return found


@pytest.fixture(scope="module")
def files(network):
    return occluder_files(network, {"subject": "nobody"})


def faces(count):
    return np.random.default_rng(5).random((count, 256, 256, 3), np.float32)


def by_torch(network, bgr):
    rgb = torch.from_numpy(np.ascontiguousarray(bgr[..., ::-1].transpose(0, 3, 1, 2)))
    with torch.no_grad():
        return shares(network, rgb).numpy()[:, 0]


def as_facefusion_does(content, bgr):
    """FaceFusion 3: one square at a time to `input`, the mask from the first output."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    assert (taken.name, taken.type, taken.shape[1:]) == ("input", "tensor(float)", [256, 256, 3])
    mask = session.run(None, {"input": bgr[None]})[0][0]
    assert mask.shape == (256, 256, 1)
    return mask.transpose(2, 0, 1).clip(0, 1)[0]


def as_deepfacelab_does(content, bgr):
    """DeepFaceLab: names as TensorFlow gives them."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (mask,) = session.run(["out_mask:0"], {"in_face:0": bgr[None]})
    assert mask.shape == (1, 256, 256, 1)
    return mask[0, ..., 0]


@pytest.mark.parametrize(
    ("layout", "read"), [("facefusion", as_facefusion_does), ("deepfacelab", as_deepfacelab_does)]
)
def test_strict_readers_find_torchs_masks(network, files, layout, read):
    picture = faces(1)[0]
    wanted = by_torch(network, picture[None])[0]
    assert np.ptp(wanted) > 0.05
    np.testing.assert_allclose(read(files[f"{layout}.onnx"], picture), wanted, atol=1e-4)


def test_any_number_of_faces_goes_through_at_once(network, files):
    session = onnxruntime.InferenceSession(
        files["facefusion.onnx"], providers=["CPUExecutionProvider"]
    )
    (masks,) = session.run(None, {"input": faces(3)})
    np.testing.assert_allclose(masks[..., 0], by_torch(network, faces(3)), atol=1e-4)


def test_blue_and_red_are_not_mistaken(network, files):
    picture = faces(1)[0]
    swapped = as_facefusion_does(files["facefusion.onnx"], picture[..., ::-1].copy())
    assert np.abs(swapped - by_torch(network, picture[None])[0]).max() > 1e-2


def test_the_same_network_gives_the_same_bytes_with_what_is_said_of_it(network, files):
    assert occluder_files(network, {"subject": "nobody"}) == files
    model = onnx.load_from_string(files["facefusion.onnx"])
    assert {prop.key: prop.value for prop in model.metadata_props} == {"subject": "nobody"}


def test_an_export_that_differs_is_refused(network, monkeypatch):
    monkeypatch.setattr(occluder_export, "MOST_DIFFERENCE", -1.0)
    with pytest.raises(VerificationError, match="differs from the trained occluder"):
        occluder_files(network, {})
