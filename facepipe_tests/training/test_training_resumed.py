"""A training ends in the same bytes however it was interrupted, made longer, or set back."""

import errno
import json
import math
import shutil
from dataclasses import replace

import pytest

from facepipe import files
from facepipe.errors import BusyError, SettingsError, StoppedError, StorageError
from facepipe.publishing import held
from facepipe.training import identity_model
from facepipe_tests.training.conftest import TINY, same_result, stop_after

LONG = replace(TINY, epochs=8, preview_every=3)


@pytest.fixture(scope="module")
def straight(make_run, tmp_path_factory):
    """Eight epochs asked for at once."""
    return make_run(tmp_path_factory.mktemp("straight"))("straight", LONG)


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


def test_what_a_killed_write_left_in_the_scratch_is_not_published(run, base, tmp_path):
    with pytest.raises(StoppedError):
        run("killed", stop=stop_after(3))
    (tmp_path / "killed" / "scratch" / ".history.abc.part.jsonl").write_bytes(b"half")
    _, out = run("killed")
    assert [*out.rglob(".*")] == []
    assert same_result(out, base)


@pytest.mark.parametrize("first", [1, 2, 4, 7])
def test_made_longer_it_ends_in_the_bytes_of_the_longer_one_done_at_once(run, straight, first):
    run("longer", replace(LONG, epochs=first))
    summary, out = run("longer", LONG)
    assert same_result(out, straight[1])
    assert (summary.history, summary.best) == (straight[0].history, straight[0].best)


def test_made_longer_from_what_was_published_it_ends_in_the_same_bytes(run, straight, tmp_path):
    _, out = run("four", replace(LONG, epochs=4))
    shutil.copytree(out, tmp_path / "eight" / "scratch")
    summary, longer = run("eight", LONG)
    assert same_result(longer, straight[1])
    assert not summary.notes


def test_made_longer_in_the_middle_of_its_end_it_repeats_only_the_end(run, straight):
    with pytest.raises(StoppedError):
        run("ending", replace(LONG, epochs=4), stop=stop_after(11))
    summary, out = run("ending", LONG)
    assert "back from step 11 to step 9" in summary.notes[0]
    assert same_result(out, straight[1])


def test_what_went_wrong_at_the_end_of_the_shorter_leaves_no_trace_in_the_longer(
    run, straight, monkeypatch
):
    whole, drawn = identity_model.loss_parts, iter(range(1, 100))

    def no_number_once(*given):
        wrong = math.nan if next(drawn) == 11 else 1
        return {name: part * wrong for name, part in whole(*given).items()}

    monkeypatch.setattr(identity_model, "loss_parts", no_number_once)
    summary, _ = run("four", replace(LONG, epochs=4))
    assert summary.rollbacks == 1
    monkeypatch.undo()
    assert same_result(run("four", LONG)[1], straight[1])


def test_made_shorter_while_the_rate_holds_it_ends_in_the_bytes_of_the_shorter(run, straight):
    with pytest.raises(StoppedError):
        run("shorter", replace(LONG, epochs=100), stop=stop_after(16))
    _, out = run("shorter", LONG)
    assert same_result(out, straight[1])


def test_a_longer_training_is_never_passed_off_as_a_shorter_one(run):
    with pytest.raises(StoppedError):
        run("shorter", LONG, stop=stop_after(14))
    with pytest.raises(SettingsError, match="epochs to at least 6, or on_change to 'restart'"):
        run("shorter", replace(LONG, epochs=4))
    summary, _ = run("shorter", replace(LONG, epochs=4, on_change="restart"))
    assert (summary.epochs, len(summary.history)) == (4, 4)
    assert "starting anew: the saved training is at step 14" in summary.notes[0]


def test_finished_and_run_again_it_trains_nothing_and_is_the_same(run, base):
    run("twice")
    summary, out = run("twice")
    assert math.isnan(summary.seconds_per_step)
    assert same_result(out, base)


def test_a_damaged_state_costs_an_epoch_and_not_the_result(run, base, tmp_path):
    with pytest.raises(StoppedError):
        run("damaged", stop=stop_after(4))
    newest = max((tmp_path / "damaged" / "scratch" / "state").iterdir())
    (newest / "tensors.safetensors").write_bytes(b"not what it was")
    summary, out = run("damaged")
    assert same_result(out, base)
    assert newest.name in summary.notes[0]


def test_with_no_whole_state_left_it_starts_anew_and_says_so(run, base, tmp_path):
    run("ruined")
    for state in (tmp_path / "ruined" / "scratch" / "state").iterdir():
        (state / "state.json").write_text("{}")
    summary, out = run("ruined")
    assert same_result(out, base)
    assert "starting anew" in summary.notes[-1]


def test_the_states_stay_few_and_the_one_before_the_end_among_them(run, tmp_path):
    run("bounded", LONG)
    names = sorted(path.name for path in (tmp_path / "bounded" / "scratch" / "state").iterdir())
    assert names == ["00000018.00", "00000021.00", "00000024.00"]
    published = [path.name for path in (tmp_path / "bounded" / "out" / "state").iterdir()]
    assert published == ["00000018.00"]


@pytest.mark.parametrize("flushes", [3, 12, 20, 21, 22])
def test_a_disk_full_in_mid_save_keeps_the_state_before(run, base, monkeypatch, flushes):
    whole = files.flush_to_disk
    done = {"count": 0}

    def flush_to_disk(path):
        done["count"] += 1
        if done["count"] >= flushes:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(path)

    for place in ("files", "training.state"):
        monkeypatch.setattr(f"facepipe.{place}.flush_to_disk", flush_to_disk)
    with pytest.raises(StorageError, match="free space"):
        run("full")
    monkeypatch.undo()
    summary, out = run("full")
    assert same_result(out, base)
    assert not summary.notes


def test_two_trainings_never_share_a_state(run, tmp_path):
    with (
        held(tmp_path / "shared" / ".scratch.lock", "another training"),
        pytest.raises(BusyError, match=r"training in .*scratch"),
    ):
        run("shared")
    run("shared")


def test_another_setting_is_refused_by_name(run):
    run("other")
    with pytest.raises(SettingsError, match=r"batch_size \(state: 2, now: 3\).*on_change"):
        run("other", replace(TINY, epochs=3, batch_size=3))


def test_other_faces_are_refused_by_name(run, make_faces):
    run("faces")
    with pytest.raises(SettingsError, match="another faces"):
        run("faces", faces=make_faces(seed=9))


def test_on_request_other_faces_start_anew(run, make_faces):
    run("faces")
    other = make_faces(seed=9)
    summary, out = run("faces", replace(TINY, on_change="restart"), faces=other)
    assert "starting anew: the saved training had another faces" in summary.notes[0]
    assert same_result(out, run("fresh", faces=other)[1])


def test_on_request_other_faces_continue_as_a_new_stage(run, make_faces, tmp_path):
    first, _ = run("faces", replace(TINY, epochs=4))
    onwards = replace(TINY, epochs=8, on_change="continue")
    summary, _ = run("faces", onwards, faces=make_faces(seed=9))
    assert "stage 2 goes on from step 9 with another faces" in summary.notes[0]
    assert summary.history[:3] == first.history[:3]
    assert [row.get("stage") for row in summary.history] == [None] * 3 + [2] * 5
    assert summary.best_epoch > 3
    again, _ = run("faces", replace(TINY, epochs=8), faces=make_faces(seed=9))
    assert again.history == summary.history


def test_stopped_in_its_new_stage_it_goes_on_without_being_asked_again(run, make_faces):
    other = make_faces(seed=9)
    for name, steps in (("straight", None), ("stopped", 2)):
        run(name, replace(TINY, epochs=4))
        onwards = replace(TINY, epochs=8, on_change="continue")
        if steps:
            with pytest.raises(StoppedError):
                run(name, onwards, faces=other, stop=stop_after(steps))
        else:
            run(name, onwards, faces=other)
    results = [run(name, replace(TINY, epochs=8), faces=other) for name in ("straight", "stopped")]
    assert same_result(results[0][1], results[1][1])
    assert "stage 2" in results[1][0].notes[0]


@pytest.mark.parametrize("change", [{"width": 6}, {"steps_per_epoch": 4}])
def test_what_has_another_size_cannot_be_continued(run, change):
    run("size")
    (name,) = change
    with pytest.raises(SettingsError, match=f"cannot be continued with another .*{name}"):
        run("size", replace(TINY, epochs=4, on_change="continue", **change))


def test_previews_and_telemetry_of_what_is_repeated_are_taken_back(run, straight):
    run("longer", replace(LONG, epochs=4))
    _, out = run("longer", LONG)
    told = [json.loads(line) for line in (out / "telemetry.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in told] == [1, 2, 3, 4, 5, 6, 7, 8]
    shown = sorted(path.stem for path in (out / "previews").glob("*.png"))
    assert shown == ["epoch_0003", "epoch_0006", "epoch_0008"]
