"""A training ends in the same weights however it was interrupted, and says what went wrong."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from facepipe.errors import BadInputError, DivergedError, SettingsError, StoppedError
from facepipe.training import identity_model
from facepipe.training.checkpoint import load_generator
from facepipe.training.identity_model import train_identity
from facepipe_tests.training.conftest import ON_CPU, TINY

WEIGHTS = "model.safetensors"


@pytest.fixture
def run(make_faces, embeddings, tmp_path):
    faces = make_faces()

    def run(name, settings=TINY, **more):
        out = tmp_path / name / "out"
        work = {"device": ON_CPU, "scratch": tmp_path / name / "scratch", "out": out, **more}
        return train_identity(faces, embeddings[0], settings, **work), out

    return run


def stop_after(steps):
    asked = iter(range(1, 10_000))
    return lambda: next(asked) == steps


def same_result(one, other):
    names = [WEIGHTS, f"best/{WEIGHTS}", "history.jsonl", "previews/epoch_0002.png"]
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_finished_training_holds_what_the_contract_names(base):
    for name in (WEIGHTS, "model.json", "history.jsonl", "telemetry.jsonl", "best", "state"):
        assert (base / name).exists()
    rows = [json.loads(line) for line in (base / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert {"loss", "l1", "ssim", "held_out_loss", "held_out_ssim"} <= rows[0].keys()


def test_every_epoch_is_told_with_the_known_keys(base):
    told = [json.loads(line) for line in (base / "telemetry.jsonl").read_text().splitlines()]
    keys = {
        "status", "epoch", "total_epochs", "loss", "eta", "frames_used", "batch_size", "device",
        "lora_rank", "trainable_params", "total_params", "overall_progress", "loss_history",
    }  # fmt: skip
    assert keys <= told[0].keys()
    assert [line["status"] for line in told] == ["training", "complete"]


def test_the_same_training_twice_is_the_same_to_the_byte(run, base):
    _, again = run("again")
    assert same_result(again, base)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_stopped_after_any_step_and_resumed_it_ends_in_the_same_bytes(run, base, steps):
    with pytest.raises(StoppedError, match=f"step {steps} of 6"):
        run("stopped", stop=stop_after(steps))
    _, out = run("stopped")
    assert same_result(out, base)


def test_killed_between_epochs_and_resumed_it_ends_in_the_same_bytes(run, base):
    def killed(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run("killed", on_epoch=killed)
    _, out = run("killed")
    assert same_result(out, base)


def test_killed_within_an_epoch_it_goes_on_from_the_epoch_before(run, base, tmp_path):
    def pull_the_plug():
        asked["count"] += 1
        if asked["count"] == 4:
            shutil.copytree(tmp_path / "running" / "scratch", tmp_path / "killed" / "scratch")
        return False

    asked = {"count": 0}
    run("running", stop=pull_the_plug)
    _, out = run("killed")
    assert same_result(out, base)


def test_a_damaged_state_costs_an_epoch_and_not_the_result(run, base, tmp_path):
    with pytest.raises(StoppedError):
        run("damaged", stop=stop_after(4))
    newest = max((tmp_path / "damaged" / "scratch" / "state").iterdir())
    (newest / "tensors.safetensors").write_bytes(b"not what it was")
    summary, out = run("damaged")
    assert same_result(out, base)
    assert newest.name in summary.notes[0]


def test_more_epochs_go_on_where_the_training_ended(run):
    first, _ = run("longer")
    second, out = run("longer", replace(TINY, epochs=3))
    assert (second.epochs, second.steps) == (3, 9)
    assert second.history[:2] == first.history
    assert len((out / "history.jsonl").read_text().splitlines()) == 3


def test_fewer_epochs_than_done_train_nothing(run):
    run("shorter")
    summary, _ = run("shorter", replace(TINY, epochs=1))
    assert summary.epochs == 2
    assert np.isnan(summary.seconds_per_step)


def test_another_setting_cannot_continue_a_state(run):
    run("other")
    with pytest.raises(SettingsError, match=r"batch_size \(state: 2, now: 3\)"):
        run("other", replace(TINY, epochs=3, batch_size=3))


def test_other_faces_cannot_continue_a_state(run, make_faces, embeddings, tmp_path):
    run("faces")
    with pytest.raises(SettingsError, match="another faces"):
        train_identity(
            make_faces(seed=9), embeddings[0], TINY,
            device=ON_CPU, scratch=tmp_path / "faces" / "scratch", out=tmp_path / "x",
        )  # fmt: skip


def broken(monkeypatch, times):
    """Make the wanted picture of the 5th batch drawn, and the next `times - 1`, not a number."""
    drawn = {"count": 0}
    whole = identity_model.lessons

    def reconstruction(faces, index, source, settings, generator):
        batch = whole(faces, index, source, settings, generator)
        drawn["count"] += len(index) == TINY.batch_size
        wrong = len(index) == TINY.batch_size and 5 <= drawn["count"] < 5 + times
        return replace(batch, wanted=batch.wanted * np.nan) if wrong else batch

    monkeypatch.setattr(identity_model, "lessons", reconstruction)


def test_a_loss_that_is_no_number_goes_back_and_lowers_the_rate(run, monkeypatch):
    broken(monkeypatch, times=1)
    summary, out = run("once")
    assert (summary.rollbacks, summary.epochs) == (1, 2)
    assert "half the rate" in summary.notes[0]
    assert all(p.isfinite().all() for p in load_generator(out).parameters())


def test_a_loss_that_stays_no_number_ends_the_training(run, monkeypatch):
    broken(monkeypatch, times=10_000)
    with pytest.raises(DivergedError, match="learning_rate"):
        run("always")


def test_an_embedding_must_have_unit_norm(make_faces, embeddings, tmp_path):
    with pytest.raises(BadInputError, match="norm 2"):
        train_identity(
            make_faces(3), 2 * embeddings[0], TINY,
            device=ON_CPU, scratch=tmp_path / "s", out=tmp_path / "o",
        )  # fmt: skip


def test_it_learns_four_faces_by_heart(make_faces, embeddings, tmp_path):
    settings = replace(
        TINY, epochs=1, steps_per_epoch=40, batch_size=4, width=6, learning_rate=6e-3, bend_px=0.5,
        shift_px=0.0, turn_deg=0.0, zoom=0.0, light=0.0, ema=0.5,
    )  # fmt: skip
    summary = train_identity(
        make_faces(4), embeddings[0], settings,
        device=ON_CPU, scratch=tmp_path / "s", out=tmp_path / "o",
    )  # fmt: skip
    assert summary.best["ssim"] > 0.6
    assert summary.best["psnr_db"] > 18
