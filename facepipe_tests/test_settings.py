"""Names become paths only when they are safe, and homes are absolute."""

from pathlib import Path

import pytest

from facepipe.errors import PartitionNameError, SettingsError
from facepipe.settings import checked_name, dagster_home, data_root, training_processes


@pytest.mark.parametrize("name", ["a", "alice", "clip-1", "0_x", "a" * 63])
def test_plain_names_pass(name):
    assert checked_name(name, "identity") == name


@pytest.mark.parametrize(
    "name", ["", "..", "a/b", "/etc", "a|b", "A", "-a", "_a", "a b", "a" * 64, "a\n", "é", "a.b"]
)
def test_anything_else_is_refused_before_it_becomes_a_path(name):
    with pytest.raises(PartitionNameError, match=r"identity name .* is not allowed"):
        checked_name(name, "identity")


def test_the_data_root_is_absolute_and_data_by_default():
    assert data_root({}) == Path("data").absolute()
    assert data_root({"FACEPIPE_DATA": "/x"}) == Path("/x")


def test_a_relative_dagster_home_is_refused_with_an_absolute_one_named():
    with pytest.raises(SettingsError, match=r"'home': it must be an absolute path, such as /"):
        dagster_home({"DAGSTER_HOME": "home"})
    assert dagster_home({"FACEPIPE_DATA": "/x"}) == Path("/x/.dagster")


def test_one_process_trains_unless_more_are_asked_for():
    assert training_processes({}) == training_processes({"FACEPIPE_PROCESSES": ""}) == 1
    assert training_processes({"FACEPIPE_PROCESSES": "4"}) == 4


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_an_impossible_number_of_processes_is_refused(given):
    with pytest.raises(SettingsError, match="a number from 1 up"):
        training_processes({"FACEPIPE_PROCESSES": given})
