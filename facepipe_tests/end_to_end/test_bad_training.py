"""A training that cannot be done ends with its exit code and one line; what was made stays."""

import shutil

import pytest

from facepipe.defs.storage import Store, lock_of
from facepipe.publishing import held
from facepipe_tests.end_to_end.conftest import Project

pytestmark = pytest.mark.slow
ADAPTER = "pair/lora_checkpoint"


@pytest.fixture(scope="module")
def project(made, tmp_path_factory) -> Project:
    """The finished pair once more, to train it badly."""
    root = tmp_path_factory.mktemp("bad") / "data"
    shutil.copytree(made.root, root, symlinks=True)
    return Project(root)


def adapter_of(project):
    folder = project.place(ADAPTER, "ada", "ben")
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(project, code, *settings):
    """Run the pair with other settings of its adapter; the lines on stderr."""
    options = [part for setting in settings for part in ("--set", f"{ADAPTER}.{setting}")]
    return project.run("run", "ada", "ben", *options, code=code).stderr.splitlines()


def the_error(lines):
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert lines[-1] == error
    return error


@pytest.mark.soak  # the trainer's own tests show it in seconds
def test_a_rate_that_never_learns_is_named_and_the_adapter_stays(project):
    before = adapter_of(project)
    lines = run(project, 1, "learning_rate=0.9", "epochs=12", "steps_per_epoch=6")
    assert "lower learning_rate (it is 0.9)" in the_error(lines)
    assert adapter_of(project) == before


def test_a_second_training_of_the_same_adapter_is_refused_while_the_first_works(project):
    place = Store(root=str(project.root)).workplace(ADAPTER, "ada|ben")
    with held(lock_of(place), f"{ADAPTER}[ada|ben]"):
        assert f"{ADAPTER}[ada|ben]" in the_error(run(project, 1, "rank=2"))


def test_a_state_of_other_settings_is_not_continued_against_ones_will(project):
    lines = run(project, 2, "on_change=continue", "steps_per_epoch=4")
    assert "cannot be continued with another" in the_error(lines)


def test_a_rank_above_what_layers_allow_is_cut_down_and_said(project):
    lines = run(project, 0, "rank=64", "epochs=1", "steps_per_epoch=2")
    assert [line for line in lines if "the rank asked for is more than these layers allow" in line]
