"""Steps of several batches, in halves where memory is short; rates that lose their way."""

from dataclasses import replace

import pytest
import torch

from facepipe.errors import DivergedError, NoFaceError, SettingsError, StoppedError
from facepipe.training import identity_model
from facepipe.training.average import RunningAverage
from facepipe.training.device import DeviceSettings, open_accelerator
from facepipe.training.generator import Generator
from facepipe.training.identity_model import seeded_generator
from facepipe.training.losses import Batch, loss_parts
from facepipe.training.progress import Progress
from facepipe.training.resuming import Parts
from facepipe.training.stepping import Stepper
from facepipe_tests.training.conftest import TINY, same_result, stop_after


class TightGenerator(Generator):
    """A generator on a device that holds `room` faces at once."""

    room = 1

    def forward(self, target, source):
        if len(target) > self.room and self.training:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(target, source)


@pytest.fixture
def tight(monkeypatch):
    monkeypatch.setattr(identity_model, "Generator", TightGenerator)
    monkeypatch.setattr(TightGenerator, "room", 1)


class DrawnFaces:
    """Batches of random pictures, the same each time."""

    def __init__(self, count, batches):
        chance = torch.Generator().manual_seed(0)
        pictures = torch.rand(batches, 2, count, 3, 128, 128, generator=chance)
        source = torch.nn.functional.normalize(torch.randn(count, 512, generator=chance))
        attention = torch.rand(count, 1, 128, 128, generator=chance) + 1
        believed = attention - 1
        believed[-1] = 0  # as of a face that nothing is to be drawn over
        lookup = torch.cat([torch.full((count, 2, 128, 128), 80.0), torch.ones_like(believed)], 1)
        self.batches = [
            Batch(one, source, other, believed, attention, lookup) for one, other in pictures
        ]

    examination = None

    def losses(self, made, batch):
        return loss_parts(made, batch, TINY)

    def batch(self, generator):
        index = int(torch.randint(len(self.batches), (1,), generator=generator))
        return self.batches[index]


def gradients(task, split=1, clip_norm=1e9, **settings):
    """Losses and gradients of one step."""
    network = seeded_generator(identity_model.GeneratorSettings(4, 1, 1), 0)
    accelerator = open_accelerator(DeviceSettings("cpu", 1, "fp32"))
    optimizer = accelerator.prepare(torch.optim.SGD(network.parameters(), 0.0))
    parts = Parts(network, optimizer, RunningAverage(network, 0), torch.Generator().manual_seed(3))
    chosen = replace(TINY, clip_norm=clip_norm, **settings)
    losses = Stepper(task, parts, chosen, accelerator).take(Progress(split=split), 0.0)
    return losses, torch.cat([p.grad.flatten() for p in network.parameters()])


def test_a_batch_in_parts_gives_the_losses_and_gradients_of_the_whole():
    task = DrawnFaces(3, 1)
    whole, in_parts = gradients(task), gradients(task, split=2)
    assert in_parts[0] == pytest.approx(whole[0], rel=1e-5)
    torch.testing.assert_close(in_parts[1], whole[1], rtol=1e-3, atol=1e-6)


def test_accumulated_batches_give_the_mean_of_their_gradients():
    task = DrawnFaces(2, 4)
    single = []
    for batch in task.batches:
        only = DrawnFaces(2, 1)
        only.batches = [batch]
        single.append(gradients(only))
    chance = torch.Generator().manual_seed(3)
    drawn = [int(torch.randint(4, (1,), generator=chance)) for _ in range(3)]
    losses, found = gradients(task, accumulate=3)
    mean = torch.stack([single[index][1] for index in drawn]).mean(0)
    torch.testing.assert_close(found, mean, rtol=1e-3, atol=1e-6)
    assert losses["loss"] == pytest.approx(sum(single[i][0]["loss"] for i in drawn) / 3, rel=1e-5)


def test_gradients_are_scaled_down_to_the_norm_they_may_have_and_smaller_ones_are_not():
    task = DrawnFaces(2, 1)
    _, whole = gradients(task)
    norm = float(whole.norm())
    _, clipped = gradients(task, clip_norm=norm / 10)
    torch.testing.assert_close(clipped, whole / 10, rtol=1e-4, atol=1e-9)
    _, kept = gradients(task, clip_norm=norm * 1.01)
    assert torch.equal(kept, whole)


def test_an_infinite_gradient_is_no_step():
    class Steep(DrawnFaces):
        def losses(self, made, batch):
            losses = super().losses(made, batch)
            slope = (made.face - made.face.detach()).sum() * 1e38 * 1e38
            return {**losses, "loss": losses["loss"] + slope}

    losses, _ = gradients(Steep(2, 1))
    assert losses is None


def test_accumulating_is_part_of_what_a_state_belongs_to(run):
    summary, _ = run("twice", replace(TINY, accumulate=2))
    assert summary.epochs == 2
    with pytest.raises(SettingsError, match="accumulate"):
        run("twice", replace(TINY, epochs=3))


def test_out_of_memory_it_goes_on_in_halves_and_says_so(run, tight):
    summary, _ = run("tight")
    assert (summary.epochs, len(summary.notes)) == (2, 1)
    assert "memory did not hold a batch of 2: from step 1 on" in summary.notes[0]


def test_out_of_memory_and_stopped_it_ends_in_the_same_bytes(run, tight):
    _, straight = run("straight")
    with pytest.raises(StoppedError):
        run("stopped", stop=stop_after(4))
    summary, out = run("stopped")
    assert same_result(out, straight)
    assert len(summary.notes) == 1


def test_out_of_memory_with_halves_too_it_says_which_setting_to_lower(run, tight, monkeypatch):
    monkeypatch.setattr(TightGenerator, "room", 0)
    with pytest.raises(SettingsError, match=r"half a batch of 2 faces; lower batch_size"):
        run("tight")


@pytest.mark.parametrize("learning_rate", [0.5, 0.99])
def test_a_rate_that_saturates_the_output_ends_the_training_and_names_itself(run, learning_rate):
    with pytest.raises(DivergedError, match=rf"lower learning_rate \(it is {learning_rate}\)"):
        run("fast", replace(TINY, epochs=8, learning_rate=learning_rate))


def test_a_rate_somewhat_too_high_is_halved_until_it_learns(run):
    summary, _ = run("fast", replace(TINY, epochs=8, learning_rate=0.015))
    assert 1 <= summary.rollbacks <= 3
    assert "worse than" in summary.notes[0]
    assert summary.history[-1]["held_out_loss"] < summary.history[0]["held_out_loss"]


def test_without_any_face_it_says_what_is_needed(run, make_faces):
    one = make_faces(1)
    arrays = {name: value[:0] for name, value in vars(one).items() if name != "sources"}
    with pytest.raises(NoFaceError, match="at least one usable face"):
        run("none", faces=replace(one, **arrays))


def test_one_face_is_trained_on_and_judged_by_and_the_note_says_so(run, make_faces):
    summary, _ = run("one", faces=make_faces(1))
    assert summary.frames_used == 1
    assert "too few faces to hold any out" in summary.notes[0]
