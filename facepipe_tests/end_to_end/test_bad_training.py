"""A training that cannot be done ends with its exit code and one line; what was made stays."""

import pytest

from facepipe.defs.storage import Store, lock_of
from facepipe.publishing import held

pytestmark = pytest.mark.slow
ADAPTER = "pair/lora_checkpoint"


def adapter_of(made):
    folder = made.place(ADAPTER, "ada", "ben")
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run(made, code, *settings):
    """Run the pair with other settings of its adapter; the lines on stderr."""
    options = [part for setting in settings for part in ("--set", f"{ADAPTER}.{setting}")]
    return made.run("run", "ada", "ben", *options, code=code).stderr.splitlines()


def the_error(lines):
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert lines[-1] == error
    return error


@pytest.mark.soak  # the trainer's own tests show it in seconds
def test_a_rate_that_never_learns_is_named_and_the_adapter_stays(made):
    before = adapter_of(made)
    lines = run(made, 1, "learning_rate=0.9", "epochs=12", "steps_per_epoch=6")
    assert "lower learning_rate (it is 0.9)" in the_error(lines)
    assert adapter_of(made) == before


def test_a_second_training_of_the_same_adapter_is_refused_while_the_first_works(made):
    place = Store(root=str(made.root)).workplace(ADAPTER, "ada|ben")
    with held(lock_of(place), f"{ADAPTER}[ada|ben]"):
        assert f"{ADAPTER}[ada|ben]" in the_error(run(made, 1, "rank=2"))


def test_a_state_of_other_settings_is_not_continued_against_ones_will(made):
    lines = run(made, 2, "on_change=continue", "steps_per_epoch=4")
    assert "cannot be continued with another" in the_error(lines)


def test_a_rank_above_what_layers_allow_is_cut_down_and_said(made):
    lines = run(made, 0, "rank=64", "epochs=1", "steps_per_epoch=2")
    assert [line for line in lines if "the rank asked for is more than these layers allow" in line]
