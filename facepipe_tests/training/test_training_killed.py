"""Killed with SIGKILL at any point and resumed, a training ends in the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def points(kind, count, folder):
    """What became of trainings killed at random points, `count` of them before they ended."""
    command = [sys.executable, "-m", "facepipe_tests.training.killing", kind, str(count), folder]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["identity", "lora"])
@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_killed_anywhere_and_resumed_it_ends_in_the_same_bytes(kind, count, tmp_path):
    found = points(kind, count, tmp_path)
    assert sum(point["killed"] for point in found) == count
    assert all(point["same"] for point in found), found
