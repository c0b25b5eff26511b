"""A network of the inswapper layout is kept, adapted and exported like the compact one."""

import numpy as np
import pytest
import torch

from facepipe.errors import ModelFileError
from facepipe.training.adapter import adapter_config, add_adapter, load_adapter, save_adapter
from facepipe.training.checkpoint import load_generator, save_generator, weights_digest
from facepipe.training.export import export_identity, export_lora
from facepipe.training.inswapper import Inswapper
from facepipe.training.inswapper_reader import read_inswapper
from facepipe_tests.training.adapters import random_adapter, random_base
from facepipe_tests.training.foreign_inswapper import Foreign
from facepipe_tests.training.foreign_readers import last_initializer


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An identity model's folder, its weights from somebody else's file."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "theirs.onnx").write_bytes(Foreign().content())
    network, shape = read_inswapper(folder / "theirs.onnx")
    save_generator(folder, network, shape)
    return folder


@pytest.fixture(scope="module")
def adapter(model, tmp_path_factory):
    """An adapter that changes something, without the time to train one."""
    folder = tmp_path_factory.mktemp("adapter")
    network = load_generator(model)
    adapted = add_adapter(network, weights_digest(model), adapter_config(network, 2, 4, 0.0))
    chance = torch.Generator().manual_seed(0)
    for name, p in adapted.named_parameters():
        if "lora_B" in name:
            p.data = 0.02 * torch.randn(p.shape, generator=chance)
    save_adapter(folder, adapted)
    return folder


def some_input():
    chance = torch.Generator().manual_seed(1)
    source = torch.nn.functional.normalize(torch.randn(2, 512, generator=chance))
    return torch.rand(2, 3, 128, 128, generator=chance), source


def test_a_saved_network_draws_the_same_when_it_is_loaded(model):
    network, _ = read_inswapper(model / "theirs.onnx")
    again = load_generator(model)
    assert isinstance(again, Inswapper)
    with torch.no_grad():
        assert torch.equal(network(*some_input()).rgb, again(*some_input()).rgb)


def test_an_architecture_nobody_knows_is_refused_by_name(model, tmp_path):
    described = (model / "model.json").read_text()
    (tmp_path / "model.json").write_text(described.replace("inswapper", "other"))
    with pytest.raises(ModelFileError, match="architecture 'other'; known are compact and insw"):
        load_generator(tmp_path)


def test_an_adapter_reaches_every_layer_but_the_last(model):
    network = load_generator(model)
    config = adapter_config(network, 2, 2, 0.0)
    layers = {n for n, p in network.named_modules() if hasattr(p, "weight")}
    assert layers - {*config.target_modules} == {"up.9"}
    assert network.get_submodule("up.9").out_channels == 3


def test_the_exported_file_is_the_layout_again_with_the_map_it_came_with(model, tmp_path):
    report = export_identity(model, tmp_path)
    assert max(report.parity.values()) <= 1e-4
    again, _ = read_inswapper(tmp_path / "model.onnx")
    with torch.no_grad():
        wanted = load_generator(model)(*some_input()).rgb
        assert torch.equal(again(*some_input()).rgb, wanted)
    maps = [last_initializer(at) for at in (tmp_path / "model.onnx", model / "theirs.onnx")]
    np.testing.assert_array_equal(*maps)


def test_an_adapter_is_merged_into_the_exported_file(model, adapter, tmp_path):
    report = export_lora(model, adapter, tmp_path, "ann_to_bob_lora")
    assert max(report.parity.values()) <= 1e-4
    merged, _ = read_inswapper(tmp_path / "ann_to_bob_lora.onnx")
    with torch.no_grad():
        adapted = load_adapter(model, adapter)(*some_input()).rgb
        plain = load_generator(model)(*some_input()).rgb
        torch.testing.assert_close(merged(*some_input()).rgb, adapted, atol=1e-4, rtol=0)
    assert (adapted - plain).abs().max() > 0.01


def test_an_adapter_of_another_architecture_is_refused_and_both_are_named(model, adapter, tmp_path):
    compact = random_base(tmp_path / "compact")
    for base, other, said in (
        (model, random_adapter(tmp_path / "adapter", compact, 1), ("compact", "is inswapper")),
        (compact, adapter, ("inswapper", "is compact")),
    ):
        with pytest.raises(ModelFileError) as refusal:
            export_lora(base, other, tmp_path / "out", "it_lora")
        assert f"{other} adapts a network of the architecture {said[0]}" in str(refusal.value)
        assert f"{base} {said[1]}: train the adapter again" in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "out").exists()
