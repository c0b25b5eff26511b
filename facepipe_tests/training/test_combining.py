"""Several adapters combined change the base by the weighted sum of what each changes."""

import json
import zlib

import numpy as np
import onnxruntime as ort
import pytest
import torch
from peft import PeftModel

from facepipe.errors import ModelFileError, SettingsError
from facepipe.files import sha256_of
from facepipe.training.adapter import load_adapter, merged
from facepipe.training.checkpoint import load_generator, weights_digest
from facepipe.training.combining import Part, checked_method, checked_weights, combined_files
from facepipe_tests.training.adapters import random_adapter, random_base, some_faces

NAME = "ann_to_bob_cat_lora"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return random_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def adapters(base, tmp_path_factory):
    """Two of equal rank, one of rank 24 that some layers do not allow, and a DoRA."""
    folder = tmp_path_factory.mktemp("adapters")
    return {
        "bob": random_adapter(folder / "bob", base, 1),
        "cat": random_adapter(folder / "cat", base, 2, alpha=1),
        "dan": random_adapter(folder / "dan", base, 3, rank=24, alpha=12),
        "eve": random_adapter(folder / "eve", base, 4, dora=True),
    }


def parts_of(adapters, weights):
    return [Part(adapters[name], weight, {"target": name}) for name, weight in weights.items()]


def drawn_by(content: bytes):
    target, source = (tensor.numpy() for tensor in some_faces())
    session = ort.InferenceSession(content)
    return session.run(["output"], {"target": target, "source": source})[0]


def with_change(base, change):
    """What the base draws with something added to its weights."""
    network = load_generator(base)
    with torch.no_grad():
        for name, p in network.named_parameters():
            p += change(name)
    return network(*some_faces()).rgb.detach().numpy()


@pytest.mark.parametrize(
    "weights",
    [{"bob": 0.5, "cat": 0.5}, {"bob": 0.2, "dan": 1.5}, {"bob": 0.3, "cat": 0.3, "eve": 1}],
)
def test_linear_adds_up_what_each_adapter_changes_whatever_its_rank_and_kind(
    base, adapters, weights
):
    files = combined_files(base, parts_of(adapters, weights), NAME, "linear")
    before = dict(load_generator(base).named_parameters())
    after = {
        name: dict(merged(load_adapter(base, adapters[name])).named_parameters())
        for name in weights
    }
    wanted = with_change(
        base, lambda p: sum(w * (after[name][p] - before[p]) for name, w in weights.items())
    )
    np.testing.assert_allclose(drawn_by(files[f"{NAME}.onnx"]), wanted, atol=1e-4)
    alone = merged(load_adapter(base, adapters["bob"]))(*some_faces()).rgb.detach().numpy()
    assert np.abs(wanted - alone).max() > 100 * 1e-4  # far more than is let through above


def test_linear_is_peft_s_exact_combination(base, adapters):
    model = PeftModel.from_pretrained(
        load_generator(base), str(adapters["bob"]), adapter_name="bob"
    )
    model.load_adapter(str(adapters["dan"]), adapter_name="dan")
    model.add_weighted_adapter(["bob", "dan"], [0.7, 0.4], "both", combination_type="cat")
    model.set_adapter("both")
    wanted = model.eval()(*some_faces()).rgb.detach().numpy()
    parts = parts_of(adapters, {"bob": 0.7, "dan": 0.4})
    files = combined_files(base, parts, NAME, "linear")
    np.testing.assert_allclose(drawn_by(files[f"{NAME}.onnx"]), wanted, atol=1e-4)


def test_svd_is_the_nearest_of_the_largest_rank_and_plain_peft_draws_it(base, adapters, tmp_path):
    weights = {"bob": 0.5, "cat": 0.5}
    files = combined_files(base, parts_of(adapters, weights), NAME, "svd")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_bytes(files[f"{NAME}/{name}"])
    plain = PeftModel.from_pretrained(load_generator(base), str(tmp_path)).eval()
    drawn = drawn_by(files[f"{NAME}.onnx"])
    np.testing.assert_allclose(plain(*some_faces()).rgb.detach().numpy(), drawn, atol=1e-4)
    before = dict(load_generator(base).named_parameters())
    after = {
        name: dict(merged(load_adapter(base, adapters[name])).named_parameters())
        for name in weights
    }

    def nearest(p):
        change = sum(0.5 * (after[name][p] - before[p]) for name in weights)
        if before[p].ndim not in (2, 4) or not change.any():
            return change
        left, size, right = torch.linalg.svd(change.flatten(1), full_matrices=False)
        size[2:] = 0
        return (left * size @ right).reshape(change.shape)

    np.testing.assert_allclose(drawn, with_change(base, nearest), atol=1e-4)
    lineage = json.loads(files[f"{NAME}.json"])["lineage"]
    assert lineage["rank"] == 2
    assert 0.5 < lineage["kept"] < 0.99


def test_svd_loses_nothing_where_the_largest_rank_holds_everything(base, adapters):
    parts = parts_of(adapters, {"bob": 0.5, "dan": 0.5})
    exact = combined_files(base, parts[1:], NAME, "linear")
    cut = combined_files(base, parts[1:], NAME, "svd")
    same = drawn_by(exact[f"{NAME}.onnx"]), drawn_by(cut[f"{NAME}.onnx"])
    np.testing.assert_allclose(*same, atol=1e-4)
    assert json.loads(cut[f"{NAME}.json"])["lineage"]["kept"] == pytest.approx(1)


def test_the_record_names_base_adapters_and_weights(base, adapters):
    parts = parts_of(adapters, {"bob": 0.25, "eve": 0.75})
    files = combined_files(base, parts, NAME, "linear")
    content, record = files[f"{NAME}.onnx"], json.loads(files[f"{NAME}.json"])
    assert files[f"{NAME}.hash"].decode() == record["crc32"] == f"{zlib.crc32(content):08x}"
    assert record["base_sha256"] == weights_digest(base)
    assert max(record["parity"].values()) <= 1e-4
    assert record["lineage"] == {
        "method": "linear",
        "adapters": [
            {
                "target": name,
                "weight": weight,
                "sha256": sha256_of(adapters[name] / "adapter_model.safetensors"),
            }
            for name, weight in (("bob", 0.25), ("eve", 0.75))
        ],
    }


@pytest.mark.parametrize("method", ["linear", "svd"])
def test_combining_twice_gives_the_same_bytes(base, adapters, method):
    parts = parts_of(adapters, {"bob": 0.5, "dan": 0.5})
    assert combined_files(base, parts, NAME, method) == combined_files(base, parts, NAME, method)


def test_an_adapter_of_another_base_is_refused_with_both_hashes(base, adapters, tmp_path):
    other = random_base(tmp_path / "other", seed=1)
    stray = random_adapter(tmp_path / "stray", other, 5)
    parts = parts_of({**adapters, "stray": stray}, {"bob": 0.5, "stray": 0.5})
    with pytest.raises(ModelFileError) as refusal:
        combined_files(base, parts, NAME, "linear")
    for folder in (base, other):
        assert weights_digest(folder) in str(refusal.value)


@pytest.mark.parametrize("text", ["", "0.5", "1,2,3", "0.5,a", "0.5,nan", "0.5,-1", "0,1", "1,inf"])
def test_weights_that_do_not_fit_the_targets_are_refused(text):
    with pytest.raises(SettingsError, match=r"--weights is .*2 numbers above 0"):
        checked_weights(text, 2)


def test_without_weights_all_count_the_same():
    assert checked_weights(None, 4) == [0.25] * 4
    assert checked_weights("0.3, 1", 2) == [0.3, 1.0]


def test_an_unknown_method_is_refused_with_those_that_are_known():
    with pytest.raises(SettingsError, match="known: linear, svd"):
        checked_method("ties")
