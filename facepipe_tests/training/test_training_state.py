"""What is saved comes back exactly; what was damaged is passed over and said."""

import pytest
import torch

from facepipe.training.state import Snapshot, load_snapshot, save_snapshot


def snapshot(step):
    picture = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(step))
    tensors = {
        "weights/a": picture.contiguous(memory_format=torch.channels_last),
        "random/sampling": torch.Generator().manual_seed(step).get_state(),
        "optimizer/step/a": torch.tensor(float(step)),
    }
    return Snapshot(step, tensors, {"sum": 0.1 + step * 1e-17, "history": [{"loss": 1 / 3}]})


def test_save_then_load_is_exact(tmp_path):
    before = snapshot(7)
    save_snapshot(tmp_path, before)
    after, notes = load_snapshot(tmp_path)
    assert after is not None
    assert notes == []
    assert (after.step, after.record) == (7, before.record)
    for name, tensor in before.tensors.items():
        assert torch.equal(after.tensors[name], tensor)


def test_the_last_two_are_kept(tmp_path):
    for step in (1, 2, 3, 4):
        save_snapshot(tmp_path, snapshot(step))
    assert [place.name for place in sorted(tmp_path.iterdir())] == ["00000003", "00000004"]


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
