"""A grid trains each combination once and leaves the pair alone; its best can become the pair's."""

import json
import shlex
import subprocess
import sys

import pytest

from facepipe.defs.declaring import ON_REQUEST
from facepipe.defs.recipes import read_recipe
from facepipe_tests.end_to_end.conftest import TINY

pytestmark = pytest.mark.slow
LORA = "pair/lora_checkpoint"
RUNS = """
import json
import dagster as dg
with dg.DagsterInstance.get() as instance:
    runs = instance.get_runs(dg.RunsFilter(job_name="trial_job"))
print(json.dumps([[run.status.value, run.tags] for run in runs]))
"""


def run_grid(project):
    options = [part for setting in (*TINY[:-1], f"{LORA}.rank=2,8") for part in ("--set", setting)]
    return project.run("grid", "ada", "ben", *options)


@pytest.fixture(scope="module")
def first(made):
    """What a grid of two ranks printed and told."""
    own = read_recipe(made.place(LORA, "ada", "ben"))
    done = run_grid(made)
    assert read_recipe(made.place(LORA, "ada", "ben")) == own
    return done


def test_a_grid_compares_what_it_trained_and_its_best_becomes_the_pairs_own(made, first):
    marked = [line for line in first.stdout.splitlines() if "best " in line and "│" in line]
    assert len(marked) == 1
    assert run_grid(made).stderr.count(f"{LORA}_trials: unchanged") == 2
    trials = made.place(f"{LORA}_trials", "ada", "ben")
    recipes = {r["settings"]["rank"]: r for r in map(read_recipe, trials.glob("*/*")) if r}
    assert set(recipes) == {2, 8}
    command = shlex.split(first.stdout.splitlines()[-1])
    done = made.run(*command[1:])
    assert f"{LORA}: unchanged" not in done.stderr
    rank = next(part.rpartition("=")[2] for part in command if part.startswith(f"{LORA}.rank="))
    assert rank in [cell.strip() for cell in marked[0].split("│")]
    assert read_recipe(made.place(LORA, "ada", "ben")) == recipes[int(rank)]
    told = made.tell("status", "ada", "ben").splitlines()
    missing = [line.split("│")[1].strip() for line in told if "missing" in line]
    assert sorted(missing) == sorted(ON_REQUEST)


def test_every_combination_is_a_run_of_its_own_tagged_with_the_grid(made, first):
    done = subprocess.run(
        [sys.executable, "-c", RUNS], env=made.environment, capture_output=True, check=True
    )
    runs = json.loads(done.stdout)
    assert {status for status, _ in runs} == {"SUCCESS"}
    assert {tags["facepipe/combination"] for _, tags in runs} == {"rank=2", "rank=8"}
    assert len({tags["facepipe/grid"] for _, tags in runs}) == 1
    assert {tags["dagster/partition"] for _, tags in runs} == {"ada|ben"}
