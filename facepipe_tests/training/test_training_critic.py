"""The second network learns to tell drawn faces from wanted ones, in the same steps and states."""

import json
import math
from dataclasses import replace

import pytest
import torch

from facepipe.defs.learnt import describe_training
from facepipe.errors import SettingsError, StoppedError
from facepipe.training.average import RunningAverage
from facepipe.training.critic import Critic
from facepipe.training.device import DeviceSettings, open_accelerator
from facepipe.training.generator import Drawing, GeneratorSettings
from facepipe.training.identity_model import seeded_generator
from facepipe.training.losses import Batch
from facepipe.training.progress import Progress
from facepipe.training.resuming import Parts
from facepipe.training.state import load_snapshot
from facepipe.training.stepping import Stepper
from facepipe_tests.training.conftest import TINY, same_result, stop_after
from facepipe_tests.training.test_training_stepping import DrawnFaces

WITH = replace(TINY, adversarial=0.1)
CPU = torch.device("cpu")


def sharp(count=3, seed=0):
    """Grainy pictures `(N, 3, 64, 64)` in 0..1."""
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def blurred(pictures):
    return torch.nn.functional.avg_pool2d(pictures, 5, 1, 2, count_include_pad=False)


def batch(wanted, drawn=(1, 1, 0)):
    believed = torch.zeros(len(wanted), 1, 64, 64)
    for place, share in enumerate(drawn):
        believed[place, :, :48] = share
    lookup = torch.zeros(len(wanted), 3, 64, 64)
    source = torch.zeros(len(wanted), 512)
    return Batch(wanted.flip(0), source, wanted, believed, torch.ones_like(believed), lookup)


def drawing(face):
    return Drawing(face, face, torch.ones(len(face), 1, 64, 64), None)


def taught(steps):
    """A critic that has seen sharp faces wanted and blurred ones drawn, and its losses."""
    critic, losses = Critic(WITH, CPU), []
    for step in range(steps):
        wanted = sharp(seed=step)
        critic.begin(WITH.learning_rate)
        losses.append(float(critic.learn(drawing(blurred(wanted)), batch(wanted), 1.0)))
        critic.step()
    return critic, losses


@pytest.fixture(scope="module")
def knowing():
    return taught(60)


def test_it_learns_to_tell_blurred_faces_from_sharp_ones(knowing):
    _, losses = knowing
    assert losses[0] == pytest.approx(2 * 2 / 3, abs=0.2)
    assert losses[-1] < 0.3


def test_what_it_has_not_seen_is_judged_by_its_grain(knowing):
    critic, _ = knowing
    wanted = sharp(seed=999)
    grainy, soft = (
        float(critic.deceived(drawing(face), batch(wanted))) for face in (wanted, blurred(wanted))
    )
    assert grainy < 0 < soft


def grain(pictures):
    return float(pictures.detach().diff().abs().mean())


def test_following_it_gives_drawn_faces_the_grain_of_wanted_ones(knowing):
    critic, wanted = knowing[0], sharp(seed=998)
    before = blurred(wanted)
    face = before.clone().requires_grad_()
    adam = torch.optim.Adam([face], 0.02)
    for _ in range(10):
        adam.zero_grad()
        critic.deceived(drawing(face), batch(wanted)).backward()
        adam.step()
    assert grain(face[:2, :, :48]) > 1.3 * grain(before[:2, :, :48])
    assert torch.equal(face[2], before[2])
    assert torch.equal(face[:, :, 48:], before[:, :, 48:])


def test_judging_leaves_nothing_to_learn_in_it(knowing):
    critic, face = knowing[0], blurred(sharp()).requires_grad_()
    critic.begin(0.0)
    critic.deceived(drawing(face), batch(sharp())).backward()
    assert all(p.grad is None for p in critic.network.parameters())
    assert all(p.requires_grad for p in critic.network.parameters())


def test_its_layers_stay_tame(knowing):
    """Also where what they learnt would be large: what they multiply with is divided by that."""
    critic = Critic(WITH, CPU)
    critic.put(knowing[0].tensors())
    for layer in critic.network.layers[::2]:
        layer.parametrizations.weight.original.data *= 7
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(largest) == pytest.approx(1, abs=0.2)


def test_with_nothing_drawn_it_costs_and_learns_nothing():
    critic, given = Critic(WITH, CPU), batch(sharp(), drawn=())
    critic.begin(1e-3)
    assert float(critic.deceived(drawing(sharp()), given)) == 0
    assert float(critic.learn(drawing(sharp()), given, 1.0)) == 0


def test_it_draws_no_chance_of_the_training_s():
    before = torch.get_rng_state()
    one, other = Critic(WITH, CPU).tensors(), Critic(WITH, CPU).tensors()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_follows_the_rate_of_the_training():
    critic = Critic(WITH, CPU)
    rates = []
    for rate in (WITH.learning_rate, WITH.learning_rate / 4, 0.0):
        critic.begin(rate)
        rates += [group["lr"] for group in critic.optimizer.param_groups]
    assert rates == pytest.approx([4e-4, 1e-4, 0])


def gradients(split):
    """Losses, and gradients of both networks, of one step that changes nothing."""
    network = seeded_generator(GeneratorSettings(4, 1, 1), 0)
    accelerator = open_accelerator(DeviceSettings("cpu", 1, "fp32"))  # whatever ran before
    critic = Critic(WITH, CPU)
    optimizer = accelerator.prepare(torch.optim.SGD(network.parameters(), 0.0))
    chance = torch.Generator().manual_seed(3)
    parts = Parts(network, optimizer, RunningAverage(network, 0), chance, critic)
    stepper = Stepper(DrawnFaces(3, 1), parts, replace(WITH, clip_norm=1e9), accelerator)
    losses = stepper.take(Progress(split=split), 0.0)
    both = [*network.parameters(), *critic.network.parameters()]
    return losses, torch.cat([p.grad.flatten() for p in both])


def test_a_batch_in_parts_teaches_both_networks_what_the_whole_does():
    whole, in_parts = gradients(1), gradients(2)
    assert {"adversarial", "discriminator"} <= whole[0].keys()
    assert in_parts[0] == pytest.approx(whole[0], rel=1e-4, abs=1e-6)
    torch.testing.assert_close(in_parts[1], whole[1], rtol=1e-3, atol=1e-6)


@pytest.fixture(scope="module")
def straight(make_run, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("critic"))("straight", WITH)


def test_both_sides_are_told_under_their_own_names_and_the_loss_stays_that_of_the_pictures(
    straight, run
):
    plain, _ = run("plain", replace(TINY, epochs=1))
    rows = straight[0].history
    assert all(0 < row["discriminator"] < 4 and abs(row["adversarial"]) < 2 for row in rows)
    assert not {"discriminator", "adversarial"} & plain.history[0].keys()
    told = [json.loads(line) for line in (straight[1] / "telemetry.jsonl").read_text().splitlines()]
    assert [line["adversarial"] for line in told] == [row["adversarial"] for row in rows]
    assert {"terms_curve", "loss_curve"} <= describe_training(straight[1]).keys()
    assert rows[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=0.05)
    assert rows[0]["loss"] != plain.history[0]["loss"]


@pytest.mark.parametrize("steps", [1, 3, 4])
def test_stopped_after_any_step_and_resumed_it_ends_in_the_same_bytes(run, straight, steps):
    with pytest.raises(StoppedError):
        run("stopped", WITH, stop=stop_after(steps))
    _, out = run("stopped", WITH)
    assert same_result(out, straight[1])


def test_made_longer_it_ends_in_the_bytes_of_the_longer_one_done_at_once(run):
    _, straight = run("straight", replace(WITH, epochs=4))
    run("longer", WITH)
    _, out = run("longer", replace(WITH, epochs=4))
    assert same_result(out, straight)


def test_its_weights_and_its_optimizer_are_in_the_state(straight):
    snapshot, _ = load_snapshot(straight[1] / "state")
    names = {name for name in snapshot.tensors if name.startswith("critic/")}
    assert any(name.startswith("critic/weights/") for name in names)
    assert any(name.startswith("critic/optimizer/exp_avg/") for name in names)


def test_without_the_term_there_is_no_second_network_in_the_state(base):
    snapshot, _ = load_snapshot(base / "state")
    assert not [name for name in snapshot.tensors if name.startswith("critic/")]


def test_a_training_without_it_is_refused_or_goes_on_with_it_as_a_new_stage(run):
    run("without", replace(TINY, epochs=4))
    longer = replace(WITH, epochs=8)
    with pytest.raises(SettingsError, match=r"adversarial \(state: 0\.0, now: 0\.1\)"):
        run("without", longer)
    summary, _ = run("without", replace(longer, on_change="continue"))
    assert "stage 2" in summary.notes[0]
    assert "adversarial" in summary.history[-1]
    assert "adversarial" not in summary.history[0]


def test_a_verdict_that_is_no_number_goes_back_and_lowers_the_rate(run, monkeypatch):
    whole, taken = Critic.learn, iter(range(1, 100))

    def no_number_once(self, *given):
        return whole(self, *given) * (math.nan if next(taken) == 5 else 1)

    monkeypatch.setattr(Critic, "learn", no_number_once)
    summary, out = run("once", WITH)
    assert (summary.rollbacks, summary.epochs) == (1, 2)
    snapshot, _ = load_snapshot(out / "state")
    assert all(held.isfinite().all() for held in snapshot.tensors.values())
