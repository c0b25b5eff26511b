"""What is saved comes back exactly; what was damaged is passed over and said."""

import shutil

import pytest
import torch

from facepipe.training.state import (
    Snapshot,
    forget_after,
    lasting_state,
    load_snapshot,
    save_snapshot,
)


def snapshot(step, **more):
    picture = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(step))
    tensors = {
        "weights/a": picture.contiguous(memory_format=torch.channels_last),
        "random/sampling": torch.Generator().manual_seed(step).get_state(),
        "optimizer/step/a": torch.tensor(float(step)),
    }
    record = {"step": step, "sum": 0.1 + step * 1e-17, "history": [{"loss": 1 / 3}]}
    return Snapshot(step, tensors, record, **more)


def names(folder):
    return [place.name for place in sorted(folder.iterdir())]


def test_save_then_load_is_exact(tmp_path):
    before = snapshot(7, turn=1, lasting=True)
    save_snapshot(tmp_path, before)
    after, notes = load_snapshot(tmp_path)
    assert after is not None
    assert notes == []
    assert (after.step, after.turn, after.lasting) == (7, 1, True)
    assert after.record == before.record
    for name, tensor in before.tensors.items():
        assert torch.equal(after.tensors[name], tensor)


def test_the_last_two_are_kept(tmp_path):
    for step in (1, 2, 3, 4):
        save_snapshot(tmp_path, snapshot(step))
    assert names(tmp_path) == ["00000003.00", "00000004.00"]


def test_the_last_lasting_one_is_kept_beside_the_last_two(tmp_path):
    for step in range(8):
        save_snapshot(tmp_path, snapshot(step, lasting=step < 4))
    assert names(tmp_path) == ["00000003.00", "00000006.00", "00000007.00"]
    lasting = lasting_state(tmp_path)
    assert lasting is not None
    assert lasting.name == "00000003.00"


def test_of_two_states_of_one_step_the_later_turn_is_the_newer(tmp_path):
    for turn in (0, 1):
        save_snapshot(tmp_path, snapshot(5, turn=turn))
    found, _ = load_snapshot(tmp_path)
    assert found is not None
    assert found.turn == 1


def test_the_newest_that_fits_is_taken_and_the_others_stay(tmp_path):
    for step in (1, 2):
        save_snapshot(tmp_path, snapshot(step))
    found, notes = load_snapshot(tmp_path, lambda record: record["step"] == 1)
    assert found is not None
    assert (found.step, notes) == (1, [])
    assert len(names(tmp_path)) == 2


def test_newer_ones_are_forgotten(tmp_path):
    for step in (1, 2):
        save_snapshot(tmp_path, snapshot(step))
    forget_after(tmp_path, "00000001.00")
    assert names(tmp_path) == ["00000001.00"]


@pytest.mark.parametrize("leftover", [".part", ".gone"])
def test_what_a_kill_left_half_written_or_half_removed_is_no_state(tmp_path, leftover):
    save_snapshot(tmp_path, snapshot(1))
    shutil.copytree(tmp_path / "00000001.00", tmp_path / leftover)
    (tmp_path / leftover / "state.json").write_text("{")
    found, notes = load_snapshot(tmp_path)
    assert found is not None
    assert (found.step, notes) == (1, [])
    for step in (2, 3):
        save_snapshot(tmp_path, snapshot(step))
    assert names(tmp_path) == ["00000002.00", "00000003.00"]


def test_a_state_of_another_version_is_passed_over_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr("facepipe.training.state._FORMAT", 1)
    save_snapshot(tmp_path, snapshot(1))
    monkeypatch.undo()
    found, notes = load_snapshot(tmp_path)
    assert found is None
    assert "written by another version" in notes[0]


@pytest.mark.parametrize("file", ["tensors.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "one byte", "gone"])
def test_a_damaged_state_is_passed_over_and_said(tmp_path, file, damage):
    save_snapshot(tmp_path, snapshot(1))
    path = save_snapshot(tmp_path, snapshot(2)) / file
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    else:
        content[-20] ^= 1
        path.write_bytes(content[:-30] if damage == "cut" else content)
    found, notes = load_snapshot(tmp_path)
    assert found is not None
    assert found.step == 1
    assert len(notes) == 1
    assert "00000002" in notes[0]


def test_without_any_state_there_is_nothing_to_resume(tmp_path):
    assert load_snapshot(tmp_path / "never") == (None, [])


def test_no_file_is_a_pickle(tmp_path):
    place = save_snapshot(tmp_path, snapshot(1))
    assert sorted(path.name for path in place.iterdir()) == ["state.json", "tensors.safetensors"]
