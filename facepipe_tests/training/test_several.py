"""Processes that train together are one training: same weights, exact resume, one end for all."""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace

import pytest
import safetensors.torch

from facepipe.errors import BusyError, FacepipeError, SettingsError, StoppedError
from facepipe.publishing import held
from facepipe.training.device import DeviceSettings
from facepipe.training.jobs import read_job, write_job
from facepipe.training.ranks import check_processes
from facepipe_tests.training.conftest import TINY, TINY_LORA, same_result
from facepipe_tests.training.teams import ON_CPU, Files, team_of, wait_for

LONG = replace(TINY, epochs=12, preview_every=6)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Files(tmp_path_factory.mktemp("files"))


def trained(job, place, **environment):
    """What a team of two published, and what it left beside."""
    with team_of(job, place, **environment) as team:
        wait_for(team)
    team.notes()
    return place / "out"


def states(place):
    return sorted((place / "scratch" / "state").iterdir())


def test_two_processes_end_with_the_same_weights_those_of_the_critic_too(files, tmp_path):
    out = trained(files.identity(replace(TINY, adversarial=0.1)), tmp_path)
    one, other = ((tmp_path / "processes" / f"weights_{rank}").read_text() for rank in (0, 1))
    assert one == other
    told = [json.loads(line) for line in (out / "telemetry.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["batch_size"]) for line in told] == [(1, 4), (2, 4)]
    state = safetensors.torch.load_file(states(tmp_path)[-1] / "tensors.safetensors")
    mine, others = state["random/sampling"], state["random/1/sampling"]
    assert not mine.equal(others)  # each draws faces of its own


@pytest.fixture(scope="module")
def straight(files, tmp_path_factory):
    """Twelve epochs of two processes, never stopped."""
    return trained(files.identity(LONG), tmp_path_factory.mktemp("straight"))


def after_epochs(count, team, place):
    """Wait until a team has saved so many epochs."""
    ends = time.monotonic() + 100
    while time.monotonic() < ends:
        saved = (int(path.name[:8]) for path in (place / "scratch" / "state").glob("0*"))
        if max(saved, default=0) >= count * 3:
            return
        assert team.is_working(), "already done"
        time.sleep(0.005)
    raise AssertionError("no epoch was saved")


def until_nobody_trains(place):
    """Processes notice within half a second that nobody watches over them."""
    for _ in range(300):
        with suppress(BusyError), held(place / ".scratch.lock", "the training"):
            return
        time.sleep(0.1)
    raise AssertionError("they train on")


@pytest.mark.soak  # two processes load torch for each training
def test_killed_with_their_launcher_and_resumed_they_end_in_the_same_bytes(
    files, straight, tmp_path
):
    with team_of(files.identity(LONG), tmp_path) as team:
        after_epochs(1, team, tmp_path)
        os.kill(team.process.pid, signal.SIGKILL)
        wait_for(team)
    with pytest.raises(FacepipeError, match="died without a word"):
        team.notes()
    until_nobody_trains(tmp_path)
    out = trained(files.identity(LONG), tmp_path)
    assert same_result(out, straight)


@pytest.mark.soak
@pytest.mark.parametrize("ask", ["closing the pipe", "SIGTERM"])
def test_asked_to_stop_all_stop_after_the_same_step_and_resume_in_the_same_bytes(
    files, straight, tmp_path, ask
):
    with team_of(files.identity(LONG), tmp_path) as team:
        after_epochs(1, team, tmp_path)
        if ask == "SIGTERM":
            team.process.terminate()
        else:
            team.stop()
        wait_for(team)
    with pytest.raises(StoppedError, match=r"stopped after step \d+ of 36, saved") as stopped:
        team.notes()
    assert stopped.value.exit_code == 130
    words = [
        json.loads((tmp_path / "processes" / f"process_{rank}.json").read_text()) for rank in (0, 1)
    ]
    assert words[0]["text"] == words[1]["text"]
    assert same_result(trained(files.identity(LONG), tmp_path), straight)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("end", "said"),
    [("killed", "process 1 of 2 .* died without a word"), ("odd", "process 1: ZeroDivisionError")],
)
def test_one_that_dies_brings_the_other_down_and_is_named(files, straight, tmp_path, end, said):
    with team_of(files.identity(LONG), tmp_path, ENDS=end, ENDS_AT="1 8") as team:
        wait_for(team)
    assert team.process.returncode != 0
    with pytest.raises(FacepipeError, match=said):
        team.notes()
    assert [path.name[:8] for path in states(tmp_path)][-1] == "00000006"
    assert same_result(trained(files.identity(LONG), tmp_path), straight)


@pytest.mark.soak
def test_another_number_of_processes_is_a_changed_setting(files, base, run, tmp_path):
    job = files.lora(base)
    trained(job, tmp_path)
    with team_of(replace(job, settings=replace(TINY_LORA, epochs=4)), tmp_path, count=1) as team:
        wait_for(team)
    with pytest.raises(SettingsError, match=r"another processes \(state: 2, now: 1\).*on_change"):
        team.notes()
    onwards = replace(job, settings=replace(TINY_LORA, epochs=4, on_change="continue"))
    with team_of(onwards, tmp_path, count=1) as team:
        wait_for(team)
    assert "stage 2 goes on from step 3 with another processes" in team.notes()[0]


def test_a_job_is_read_as_it_was_written(files, tmp_path):
    job = files.lora(tmp_path / "base", replace(TINY_LORA, rank_pattern="blocks=4"))
    work = {"device": ON_CPU, "scratch": tmp_path / "scratch", "out": tmp_path / "out"}
    write_job(tmp_path, job, work)
    assert read_job(tmp_path) == (job, work)


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    check_processes(DeviceSettings("cuda"), 1)
    with pytest.raises(SettingsError, match=r"processes is 2; each needs a GPU.* has 1"):
        check_processes(DeviceSettings("cuda"), 2)
