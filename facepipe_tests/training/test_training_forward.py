"""Blocks that are computed twice, and a compiled network, learn the same as a plain one."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from facepipe.errors import SettingsError, StoppedError
from facepipe.training.adapter import adapter_config, add_adapter
from facepipe.training.device import DeviceSettings, open_accelerator
from facepipe.training.forward import forward_pass
from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.inswapper import Inswapper, InswapperSettings
from facepipe.training.ranks import ALONE
from facepipe_tests.training.conftest import ON_CPU, same_result, stop_after

CHECKPOINTED, COMPILED = (replace(ON_CPU, **{name: True}) for name in ("checkpointing", "compile"))


def no_loss(_network):
    raise AssertionError("asked for only to try a compiled network")


def compact():
    return Generator(GeneratorSettings(width=4, blocks=2, textures=2))


def inswapper():
    return Inswapper(InswapperSettings(width=4, blocks=3))


def adapted(dropout=0.5):
    base = inswapper()
    return add_adapter(base, "", adapter_config(base, 2, 2, dropout), seed=1)


def learnt(make, settings, count=2):
    """What a network draws, its gradients, and the bytes kept for the backward pass."""
    torch.manual_seed(0)
    network = make().train()
    run = forward_pass(network, settings, ALONE, no_loss)
    kept: dict[int, int] = {}

    def note(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        drawn = run(
            torch.rand(count, 3, 128, 128), nn.functional.normalize(torch.randn(count, 512))
        )
    drawn.rgb.square().mean().backward()
    found = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return drawn.rgb.detach(), found, sum(kept.values())


def are_close(one, other):
    torch.testing.assert_close(one[0], other[0], rtol=1e-4, atol=1e-5)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        far = (gradient - other[1][name]).abs().max()
        assert far <= 1e-4 * gradient.abs().max() + 1e-9, name


@pytest.mark.parametrize("make", [compact, inswapper, adapted])
def test_blocks_computed_twice_learn_the_same_dropout_included(make):
    are_close(learnt(make, ON_CPU), learnt(make, CHECKPOINTED))


def test_blocks_computed_twice_keep_little_of_what_they_hold():
    plain, thrifty = (learnt(inswapper, settings)[2] for settings in (ON_CPU, CHECKPOINTED))
    blocks = 3 * 2 * 32 * 32 * 32 * 4  # what goes into each of them stays
    without = learnt(lambda: Inswapper(InswapperSettings(width=4, blocks=0)), ON_CPU)[2]
    assert plain > without + 8 * blocks
    assert thrifty < without + 2 * blocks


def test_a_training_with_blocks_computed_twice_ends_in_the_same_weights_as_one_without(run, base):
    _, out = run("twice", device=CHECKPOINTED)
    assert same_result(out, base)


@pytest.fixture
def traced(monkeypatch):
    """Compile without making machine code, which takes half a minute."""
    whole = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda network, **how: whole(network, backend="aot_eager")
    )


def test_a_compiled_training_resumes_in_the_same_bytes_and_leaves_the_same_files(run, base, traced):
    straight, out = run("straight", device=COMPILED)
    with pytest.raises(StoppedError):
        run("stopped", device=COMPILED, stop=stop_after(2))
    assert same_result(run("stopped", device=COMPILED)[1], out)
    files = [sorted(path.name for path in folder.iterdir()) for folder in (out, base)]
    assert files[0] == files[1]
    learnt_plainly = json.loads((base / "history.jsonl").read_text().splitlines()[-1])
    assert straight.history[-1]["loss"] == pytest.approx(learnt_plainly["loss"], rel=1e-3)


class Wrong(nn.Module):
    """A compiled network whose first weights learn the opposite."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, target, source):
        own = dict(self.network.named_parameters())
        name = next(name for name in own if name.startswith("stem"))
        wrong = {**own, name: 2 * own[name].detach() - own[name]}
        return torch.func.functional_call(self.network, wrong, (target, source))


def test_a_compiled_network_that_learns_something_else_is_refused(run, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network, **_how: Wrong(network))
    with pytest.raises(SettingsError, match=r"compile gives stem.* another gradient .* torch 2"):
        run("wrong", device=COMPILED)


@pytest.mark.soak  # a minute of compiling
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler, of torch
def test_compiled_for_this_machine_it_learns_the_same_or_is_refused(run, base):
    try:
        summary, _ = run("compiled", device=COMPILED)
    except SettingsError as error:
        pytest.skip(str(error))
    learnt_plainly = json.loads((base / "history.jsonl").read_text().splitlines()[-1])
    assert summary.history[-1]["loss"] == pytest.approx(learnt_plainly["loss"], rel=1e-2)


def test_without_a_compiler_compiling_is_refused_in_one_line(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(SettingsError, match=r"a C\+\+ compiler \(no-such-compiler\).*turn it off"):
        open_accelerator(DeviceSettings(device="cpu", compile=True))
