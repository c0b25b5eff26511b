"""Adapters of every kind: plain PEFT reads them, merged they draw the same, ranks are as asked."""

import json
import re
from dataclasses import replace

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from facepipe.cli.choosing import choose_settings
from facepipe.defs.learnt import describe_training
from facepipe.errors import SettingsError
from facepipe.training.adapter import (
    adapter_config,
    add_adapter,
    load_adapter,
    merged,
    rank_notes,
    save_adapter,
)
from facepipe.training.checkpoint import load_generator, weights_digest
from facepipe.training.generator import Generator
from facepipe.training.lora import train_lora
from facepipe.training.settings import LoraTrainingSettings
from facepipe_tests.training.adapters import random_adapter, random_base, some_faces
from facepipe_tests.training.conftest import ON_CPU, TINY_LORA, same_result, stop_after

KINDS = {
    "lora": {},
    "dora": {"dora": True},
    "ranks": {"part_ranks": {"blocks": 5, "blocks.0.first": 1}},
    "dora of ranks": {"dora": True, "rank": 24},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return random_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def adapter(request, base, tmp_path_factory):
    return random_adapter(tmp_path_factory.mktemp("adapter"), base, 1, **request.param)


def test_plain_peft_draws_the_same_from_the_folder(base, adapter):
    plain = PeftModel.from_pretrained(load_generator(base), str(adapter)).eval()
    wanted = load_adapter(base, adapter)(*some_faces()).rgb
    assert torch.equal(plain(*some_faces()).rgb, wanted)
    assert not torch.allclose(load_generator(base)(*some_faces()).rgb, wanted, atol=0.01)


def test_merged_by_plain_peft_it_draws_the_same(base, adapter):
    plain = PeftModel.from_pretrained(load_generator(base), str(adapter)).eval()
    network = plain.merge_and_unload()
    assert type(network) is Generator
    wanted = plain(*some_faces()).rgb
    torch.testing.assert_close(network(*some_faces()).rgb, wanted, atol=3e-5, rtol=0)


def test_merged_draws_what_unmerged_draws(base, adapter):
    model = load_adapter(base, adapter)
    wanted = model(*some_faces()).rgb
    torch.testing.assert_close(merged(model)(*some_faces()).rgb, wanted, atol=3e-5, rtol=0)


def test_parts_have_the_ranks_asked_for_and_the_longest_name_counts(base):
    network = load_generator(base)
    config = adapter_config(network, 2, 4, 0.0, {"blocks": 5, "blocks.0.first": 1})
    ranks = {name: config.rank_pattern.get(name, 2) for name in config.target_modules}
    assert ranks["blocks.0.first"] == 1
    assert ranks["blocks.0.second"] == ranks["blocks.0.second_style.ask"] == 5
    assert ranks["stem.0"] == 2
    assert config.alpha_pattern["blocks.0.second"] / 5 == 4 / 2


def test_a_part_s_rank_is_cut_down_to_what_its_layers_allow_and_said(base):
    network = load_generator(base)
    parts = {"stem": 100, "blocks": 5}
    assert adapter_config(network, 2, 2, 0.0, parts).rank_pattern["stem.0"] == 4
    (note,) = rank_notes(network, 2, parts)
    assert note.endswith("allow: stem.0 (4)")


def test_a_part_that_is_not_there_is_refused_with_those_that_are(base):
    with pytest.raises(SettingsError, match=r"'mouth'; the network's parts: stem, down, blocks"):
        adapter_config(load_generator(base), 2, 2, 0.0, {"mouth": 4})


@pytest.fixture(scope="module")
def train(base, make_faces, embeddings):
    identity, target = make_faces(), make_faces(colour=(90, 110, 170), seed=4)

    def train(folder, settings, **more):
        work = {"device": ON_CPU, "scratch": folder / "s", "out": folder / "o", **more}
        train_lora(base, identity, embeddings[0], target, embeddings[1], settings, **work)
        return folder / "o"

    return train


DORA = replace(TINY_LORA, epochs=1, dora=True, dropout=0.3, rank_pattern="blocks=3")


def test_dora_with_dropout_trains_its_magnitudes_and_resumes_in_the_same_bytes(
    train, base, tmp_path
):
    straight = train(tmp_path / "straight", DORA)
    with pytest.raises(Exception, match="stopped after step 2"):
        train(tmp_path / "stopped", DORA, stop=stop_after(2))
    assert same_result(straight, train(tmp_path / "stopped", DORA))
    described = json.loads((straight / "adapter_config.json").read_text())
    assert described["use_dora"]
    assert described["lora_dropout"] == 0.3
    assert described["rank_pattern"]["blocks.0.first"] == 3
    trained, untrained = (
        {name: p for name, p in model.named_parameters() if "lora_magnitude" in name}
        for model in (load_adapter(base, straight), load_adapter(base, fresh(base, tmp_path)))
    )
    assert len(trained) == len(described["target_modules"])
    assert all(not torch.equal(p, untrained[name]) for name, p in trained.items())


def test_the_share_that_learns_is_told_as_the_files_have_it(train, base, tmp_path):
    folder = train(tmp_path, DORA)
    adapter = sum(p.numel() for p in load_file(folder / "adapter_model.safetensors").values())
    whole = adapter + sum(p.numel() for p in load_generator(base).parameters())
    told = describe_training(folder)
    assert told["trainable_params"] == adapter
    assert told["trainable_share"] == pytest.approx(adapter / whole)


def fresh(base, folder):
    """A DoRA that nobody trained."""
    network = load_generator(base)
    config = adapter_config(network, 2, 2, 0.3, {"blocks": 3}, dora=True)
    save_adapter(folder / "fresh", add_adapter(network, weights_digest(base), config))
    return folder / "fresh"


@pytest.mark.parametrize("rank", [0, -4, 129])
def test_a_rank_out_of_range_is_refused_by_its_name(rank):
    with pytest.raises(SettingsError, match=f"^rank is {rank}; it must be 1 to 128"):
        LoraTrainingSettings(rank=rank)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("blocks", "PART=RANK is needed"),
        ("blocks=8,stem=4", "PART=RANK is needed"),
        ("blocks=8 blocks=4", "each part once"),
        ("blocks=0", "blocks is 0; it must be 1 to 128"),
        ("blocks=200", "blocks is 200; it must be 1 to 128"),
    ],
)
def test_a_rank_pattern_that_cannot_be_read_is_refused(pattern, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        LoraTrainingSettings(rank_pattern=pattern)


def test_the_command_line_takes_rank_patterns_and_dora():
    key = "pair/lora_checkpoint"
    chosen = choose_settings(None, [f"{key}.rank_pattern=blocks=32 paint=4", f"{key}.dora=true"])
    settings = LoraTrainingSettings(**chosen[key])
    assert settings.part_ranks() == {"blocks": 32, "paint": 4}
    assert settings.dora
    with pytest.raises(SettingsError, match="rank is 500"):
        choose_settings(None, [f"{key}.rank=500"])
