"""An exported file keeps the inswapper contract and draws what was trained."""

import json
import zlib
from types import SimpleNamespace

import insightface
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from facepipe.errors import ModelFileError, VerificationError
from facepipe.training.adapter import adapter_config, add_adapter, load_adapter, save_adapter
from facepipe.training.checkpoint import load_generator, weights_digest
from facepipe.training.export import export_identity, export_lora
from facepipe_tests.training.conftest import five_points_px

NAME = "ann_to_bob_lora"


@pytest.fixture(scope="module")
def adapter(base, tmp_path_factory):
    """An adapter that changes something, without the time to train one."""
    folder = tmp_path_factory.mktemp("adapter")
    generator = load_generator(base / "best")
    model = add_adapter(
        generator, weights_digest(base / "best"), adapter_config(generator, 2, 4, 0.0)
    )
    chance = torch.Generator().manual_seed(0)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            p.data = 0.1 * torch.randn(p.shape, generator=chance)
    save_adapter(folder, model)
    return folder


@pytest.fixture(scope="module")
def exported(base, adapter, tmp_path_factory):
    out = tmp_path_factory.mktemp("onnx")
    return export_lora(base, adapter, out, NAME, {"consent": "abc"}), out


def test_it_says_what_was_written(exported):
    report, out = exported
    content = (out / f"{NAME}.onnx").read_bytes()
    assert (out / f"{NAME}.hash").read_text() == format(zlib.crc32(content), "08x")
    written = json.loads((out / f"{NAME}.json").read_text())
    assert written["lineage"] == {"consent": "abc"}
    assert written["size_bytes"] == len(content)
    assert set(written["parity"]) == {"1", "4"}
    assert max(report.parity.values()) <= 1e-4


@pytest.mark.parametrize("count", [1, 3])
def test_onnxruntime_draws_what_the_adapted_model_draws(exported, base, adapter, count, capfd):
    target = np.random.default_rng(5).random((count, 3, 128, 128), np.float32)
    source = np.eye(512, dtype=np.float32)[:count]
    session = ort.InferenceSession(exported[1] / f"{NAME}.onnx")
    drawn = session.run(["output"], {"target": target, "source": source})[0]
    model = load_adapter(base / "best", adapter)
    with torch.no_grad():
        wanted = model(torch.from_numpy(target), torch.from_numpy(source)).rgb.numpy()
    np.testing.assert_allclose(drawn, wanted, atol=1e-4)
    assert capfd.readouterr().err == ""  # onnxruntime warns there


def test_the_graph_keeps_the_contract(exported):
    model = onnx.load(exported[1] / f"{NAME}.onnx")
    graph = model.graph
    assert [value.name for value in graph.input] == ["target", "source"]
    assert [value.name for value in graph.output] == ["output"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param
    assert model.opset_import[0].version >= 17
    emap = onnx.numpy_helper.to_array(graph.initializer[-1])
    np.testing.assert_array_equal(emap, np.eye(512, dtype=np.float32))


def test_exporting_twice_gives_the_same_bytes_without_a_trace_of_the_machine(
    exported, base, adapter, tmp_path
):
    export_lora(base, adapter, tmp_path, NAME)
    content = (tmp_path / f"{NAME}.onnx").read_bytes()
    assert content == (exported[1] / f"{NAME}.onnx").read_bytes()
    assert str(tmp_path.parent.parent).encode() not in content
    assert b"site-packages" not in content


@pytest.mark.filterwarnings(
    "ignore:`estimate` is deprecated:FutureWarning"
)  # scikit-image, in insightface
def test_insightface_loads_it_and_swaps_with_it(exported):
    swapper = insightface.model_zoo.get_model(str(exported[1] / f"{NAME}.onnx"))
    assert type(swapper).__name__ == "INSwapper"
    frame_bgr = np.random.default_rng(0).integers(0, 255, (320, 320, 3), np.uint8)
    face = SimpleNamespace(kps=five_points_px().astype(np.float32))
    person = SimpleNamespace(normed_embedding=np.eye(512, dtype=np.float32)[3])
    swapped = swapper.get(frame_bgr, face, person, paste_back=True)
    assert swapped.shape == frame_bgr.shape
    assert (swapped != frame_bgr).any()
    assert (swapped[:8] == frame_bgr[:8]).all()


def test_a_file_that_differs_too_much_is_refused_and_the_old_one_kept(exported, base, tmp_path):
    for suffix in ("onnx", "hash", "json"):
        (tmp_path / f"model.{suffix}").write_text("before")
    with pytest.raises(VerificationError, match=r"model\.onnx differs"):
        export_identity(base, tmp_path, most_difference=-1.0)
    contents = {path.read_text() for path in tmp_path.iterdir()}
    assert contents == {"before"}


def test_the_identity_model_alone_can_be_exported(base, tmp_path):
    report = export_identity(base, tmp_path)
    assert report.base_sha256 == weights_digest(base / "best")
    assert (tmp_path / "model.onnx").stat().st_size == report.size_bytes


def test_an_adapter_is_not_merged_into_another_base(another_base, adapter, tmp_path):
    with pytest.raises(ModelFileError, match="trained on the identity model"):
        export_lora(another_base, adapter, tmp_path, NAME)
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"model\.safetensors"):
        export_identity(tmp_path / "nothing", tmp_path)
