"""TensorBoard shows the history and the previews, each epoch once, whatever happened on the way."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from facepipe.errors import StoppedError
from facepipe.training.board import Board
from facepipe_tests.training.conftest import TINY, stop_after


def read(folder):
    found = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0})
    return found.Reload()


def curve(board, tag):
    return [(event.step, pytest.approx(event.value, rel=1e-6)) for event in board.Scalars(tag)]


def test_every_number_of_the_history_is_a_curve(run):
    summary, out = run("whole")
    board = read(out)
    names = {name for row in summary.history for name in row} - {"epoch"}
    tags = {
        name: f"held_out/{name.removeprefix('held_out_')}"
        if "held_out" in name
        else f"train/{name}"
        for name in names
    }
    assert set(board.Tags()["scalars"]) == set(tags.values())
    for name, tag in tags.items():
        assert curve(board, tag) == [
            (row["epoch"], row[name]) for row in summary.history if name in row
        ]


def test_the_previews_are_its_pictures(run):
    _, out = run("shown")
    shown = read(out).Images("preview")
    assert [event.step for event in shown] == [1, 2]
    with Image.open(out / "previews" / "epoch_0002.png") as preview:
        picture = Image.open(io.BytesIO(shown[-1].encoded_image_string))
        assert np.array_equal(np.asarray(picture), np.asarray(preview))


def test_stopped_resumed_and_made_longer_each_epoch_is_there_once(run):
    with pytest.raises(StoppedError):
        run("interrupted", stop=stop_after(4))
    run("interrupted")
    summary, out = run("interrupted", replace(TINY, epochs=3))
    assert curve(read(out), "train/loss") == [
        (row["epoch"], row["loss"]) for row in summary.history
    ]


def test_epochs_that_come_again_replace_what_was_told_of_them(tmp_path):
    board = Board(tmp_path)
    for epoch in (1, 2, 3):
        board.tell({"epoch": epoch, "loss": epoch})
    board.back_to(1)
    board.tell({"epoch": 2, "loss": 20})
    board.close()
    assert curve(read(tmp_path), "train/loss") == [(1, 1), (2, 20)]
