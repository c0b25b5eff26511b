"""A training leaves what the contract names, learns, and says what went wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest

from facepipe.errors import BadInputError, DivergedError
from facepipe.training import identity_model
from facepipe.training.checkpoint import load_generator
from facepipe.training.identity_model import train_identity
from facepipe_tests.training.conftest import ON_CPU, TINY, same_result

WEIGHTS = "model.safetensors"


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


def broken(monkeypatch, times):
    """Make the wanted picture of the 5th batch drawn, and the next `times - 1`, not a number."""
    drawn = {"count": 0}
    whole = identity_model.lessons

    def lessons(*given):
        batch = whole(*given)
        drawn["count"] += 1
        wrong = 5 <= drawn["count"] < 5 + times
        return replace(batch, wanted=batch.wanted * np.nan) if wrong else batch

    monkeypatch.setattr(identity_model, "lessons", lessons)


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
    assert summary.best["psnr_db"] > 17
