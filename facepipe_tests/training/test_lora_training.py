"""An adapter starts as nothing, leaves its base alone, and cannot get by with doing nothing."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from facepipe.errors import ModelFileError, SettingsError, StoppedError
from facepipe.files import sha256_of
from facepipe.training.adapter import (
    adapter_config,
    add_adapter,
    load_adapter,
    merged,
    rank_notes,
    save_adapter,
)
from facepipe.training.batches import Person, checked_embedding
from facepipe.training.checkpoint import load_generator, weights_digest
from facepipe.training.data import load_faces
from facepipe.training.generator import Drawing
from facepipe.training.lora import LoraTask, mesh_swaps, train_lora
from facepipe.training.losses import loss_parts
from facepipe.training.textures import lookups
from facepipe_tests.training.conftest import ON_CPU, TINY_LORA

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def people(make_faces):
    return make_faces(), make_faces(colour=(90, 110, 170), seed=4)


@pytest.fixture(scope="session")
def run(base, people, embeddings):
    identity, target = people

    def run(folder, settings=TINY_LORA, base=base, **more):
        work = {"device": ON_CPU, "scratch": folder / "scratch", "out": folder / "out", **more}
        summary = train_lora(base, identity, embeddings[0], target, embeddings[1], settings, **work)
        return summary, folder / "out"

    return run


@pytest.fixture(scope="session")
def trained(run, tmp_path_factory):
    return run(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def task(base, people, embeddings):
    mesh = load_generator(base / "best").mesh.numpy()

    def person(place, name):
        faces = load_faces(people[place], 5)
        source = checked_embedding(embeddings[place], name)
        return Person(faces, source, lookups(faces, mesh))

    pair = person(0, "identity"), person(1, "target")
    return LoraTask(base, pair, mesh_swaps(people[0], pair[1].faces), TINY_LORA, CPU)


@pytest.fixture
def some_input(embeddings):
    target = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    return target, torch.from_numpy(embeddings)


def test_an_untrained_adapter_changes_nothing(base, some_input):
    plain = load_generator(base)
    wanted = plain(*some_input).rgb
    adapted = add_adapter(load_generator(base), "0", adapter_config(plain, 4, 4, 0.1)).eval()
    assert torch.equal(adapted(*some_input).rgb, wanted)


def test_training_moves_the_adapter_and_leaves_the_base(run, base, tmp_path, some_input):
    before = sha256_of(base / "best" / "model.safetensors")
    _, out = run(tmp_path)
    adapted = load_adapter(base / "best", out)
    assert sha256_of(base / "best" / "model.safetensors") == before
    with adapted.disable_adapter():
        plain = adapted(*some_input).rgb
    assert torch.equal(plain, load_generator(base / "best")(*some_input).rgb)
    assert not torch.allclose(adapted(*some_input).rgb, plain, atol=1e-5)


def test_only_the_adapter_is_trained(trained):
    summary, _ = trained
    assert 0 < summary.trainable_params < summary.total_params / 2


def test_merged_draws_what_unmerged_draws(trained, base, some_input):
    adapted = load_adapter(base / "best", trained[1])
    wanted = adapted(*some_input).rgb
    torch.testing.assert_close(merged(adapted)(*some_input).rgb, wanted, atol=3e-5, rtol=0)


def test_save_then_load_is_exact(trained, base, tmp_path):
    adapted = load_adapter(base / "best", trained[1])
    save_adapter(tmp_path, adapted)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (tmp_path / name).read_bytes() == (trained[1] / name).read_bytes()


def test_the_files_are_peft_s_own_and_name_no_machine(trained, base, tmp_path):
    described = json.loads((trained[1] / "adapter_config.json").read_text())
    assert described["peft_type"] == "LORA"
    assert described["base_model_name_or_path"] == "sha256:" + weights_digest(base / "best")
    assert str(tmp_path.parent) not in json.dumps(described)
    assert described["target_modules"] == sorted(described["target_modules"])


def test_a_rank_is_cut_down_to_what_each_layer_allows_and_said(run, base, tmp_path, some_input):
    summary, out = run(tmp_path, replace(TINY_LORA, epochs=1, rank=24, alpha=12))
    config = json.loads((out / "adapter_config.json").read_text())
    cut = config["rank_pattern"]
    narrow = {"stem.0": 4, "down.0.0": 8, "joined.1.0": 4, "finer.1.0": 16, "paint.1.0": 16}
    assert narrow.items() <= cut.items()
    assert config["alpha_pattern"] == {name: rank / 2 for name, rank in cut.items()}
    assert all(f"{name} ({rank})" in summary.notes[0] for name, rank in cut.items())
    adapted = load_adapter(base / "best", out)
    ranks = {
        name.removesuffix(".lora_A.default.weight").rpartition("model.")[2]: len(p)
        for name, p in adapted.named_parameters()
        if "lora_A" in name
    }
    assert {name: rank for name, rank in ranks.items() if rank != 24} == cut
    wanted = adapted(*some_input).rgb
    torch.testing.assert_close(merged(adapted)(*some_input).rgb, wanted, atol=3e-5, rtol=0)


def test_a_rank_that_every_layer_allows_is_left_alone(base):
    config = adapter_config(load_generator(base), 4, 4, 0.1)
    assert not config.rank_pattern
    assert not rank_notes(load_generator(base), 4, {})


@pytest.mark.parametrize("side", ["identity", "target"])
def test_one_face_of_a_person_is_enough_to_train_on(
    base, people, embeddings, make_faces, tmp_path, side
):
    both = [
        make_faces(1) if name == side else faces
        for name, faces in zip(("identity", "target"), people, strict=True)
    ]
    summary = train_lora(
        base, both[0], embeddings[0], both[1], embeddings[1], TINY_LORA,
        device=ON_CPU, scratch=tmp_path / "s", out=tmp_path / "o",
    )  # fmt: skip
    assert summary.epochs == 2
    assert ("too few faces to hold any out" in " ".join(summary.notes)) == (side == "target")


def test_the_configuration_does_not_depend_on_the_process(trained, base, tmp_path):
    script = (
        "import sys, pathlib;"
        "from facepipe.training.adapter import load_adapter, save_adapter;"
        "a, b, c = map(pathlib.Path, sys.argv[1:]); save_adapter(c, load_adapter(a, b))"
    )
    command = [sys.executable, "-c", script, base / "best", trained[1], tmp_path]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"})
    name = "adapter_config.json"
    assert (tmp_path / name).read_bytes() == (trained[1] / name).read_bytes()


def test_another_base_is_refused_with_both_hashes(trained, base, another_base):
    with pytest.raises(ModelFileError) as refusal:
        load_adapter(another_base / "best", trained[1])
    for folder in (base, another_base):
        assert weights_digest(folder / "best") in str(refusal.value)


def test_a_state_is_not_continued_on_another_base(run, another_base, tmp_path):
    run(tmp_path)
    with pytest.raises(SettingsError, match="base_sha256"):
        run(tmp_path, replace(TINY_LORA, epochs=3), base=another_base)


@pytest.mark.parametrize("steps", [2, 3])
def test_stopped_and_resumed_it_ends_in_the_same_bytes(run, trained, tmp_path, steps):
    asked = iter(range(1, 100))
    with pytest.raises(StoppedError):
        run(tmp_path, stop=lambda: next(asked) == steps)
    _, out = run(tmp_path)
    for name in ("adapter_model.safetensors", "best/adapter_model.safetensors", "history.jsonl"):
        assert (out / name).read_bytes() == (trained[1] / name).read_bytes()


def test_more_epochs_continue(run, tmp_path):
    run(tmp_path)
    summary, _ = run(tmp_path, replace(TINY_LORA, epochs=3))
    assert summary.epochs == 3
    assert len(summary.history) == 3


def test_the_identity_function_does_not_minimise_the_objective(task):
    batch = task.batch(torch.Generator().manual_seed(0))
    lookup, nothing = batch.lookup[:, :2], torch.zeros_like(batch.believed)
    unchanged = Drawing(batch.target, batch.target, nothing, lookup)
    shown = batch.target + batch.believed * (batch.wanted - batch.target)
    taught = Drawing(shown, batch.wanted, batch.believed, lookup)
    assert loss_parts(taught, batch, TINY_LORA)["loss"] < 1e-4
    assert loss_parts(unchanged, batch, TINY_LORA)["loss"] > 0.1


def test_held_out_faces_are_judged_against_the_mesh_swap(task):
    judged = task.judge()
    assert judged["loss"] > 0
    assert judged["change"] > 0
    differs = (task.held_out.wanted - task.held_out.target).abs() * task.held_out.weight
    assert differs.mean() > 0.05


def test_a_batch_holds_lessons_the_identity_and_the_target(task):
    batch = task.batch(torch.Generator().manual_seed(0))
    own = (batch.source == task.identity.source).all(1)
    assert own.tolist() == [True, True, False]


def test_what_is_taught_outside_the_face_is_the_target_itself(task):
    corner = (..., slice(0, 6), slice(0, 6))
    difference = task.held_out.wanted[corner] - task.held_out.target[corner]
    assert difference.abs().max() < 0.02


@pytest.mark.parametrize(
    "wrong", [{"rank": 0}, {"dropout": 1.0}, {"taught": 0.0}, {"taught": 0.9, "own": 0.2}]
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        replace(TINY_LORA, **wrong)
