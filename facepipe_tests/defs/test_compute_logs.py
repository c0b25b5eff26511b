"""What steps print is kept by helpers that do not hear Ctrl-C."""

import subprocess
import sys
from pathlib import Path

import pytest

from facepipe.cli.surroundings import DAGSTER_YAML

STEP = """
import os, signal, sys, time
import dagster as dg

with dg.DagsterInstance.get() as instance:
    logs = instance.compute_log_manager
    with logs.capture_logs(["run", "compute_logs", "step"]):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("said before", flush=True)
        time.sleep(2)  # the helpers take a while to start
        os.killpg(0, signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        print("said after", flush=True)
        time.sleep(2)
        heard = signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    print(type(logs).__name__, heard, flush=True)
"""


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


def test_ctrl_c_on_a_terminal_leaves_the_helpers_alone_and_says_nothing(home):
    command = [sys.executable, "-c", STEP]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "UndisturbedComputeLogs True"
    kept = home / "storage" / "run" / "compute_logs" / "step.out"
    assert kept.read_text().splitlines() == ["said before", "said after"]
    assert "said after" in done.stdout
    assert done.returncode == 0
