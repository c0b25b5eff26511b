"""Broken off anywhere, work leaves nothing torn, and one more run ends as if undisturbed."""

import sys

import pytest

from facepipe_tests.crashing.faults import can_be_made
from facepipe_tests.crashing.trials import table, trials

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_made(), reason="faults need Linux and a C compiler"),
]
A_FEW = ("SIGKILL=4", "SIGTERM=1", "ENOSPC=1", "EIO=1")
MANY = (
    "SIGKILL=192", "command-SIGKILL=8", "command-SIGTERM=4", "command-SIGINT=4", "SIGTERM=12",
    "SIGINT=12", "ENOSPC=8", "disk-ENOSPC=8", "EROFS=8", "EIO=16", "clock=8",
)  # fmt: skip
"""The counts include none where the work was done before the fault came."""


@pytest.mark.parametrize(
    "asked", [A_FEW, pytest.param(MANY, marks=[pytest.mark.soak, pytest.mark.timeout(0)])]
)
def test_broken_off_anywhere_nothing_is_torn_and_one_more_run_ends_in_the_same_bytes(
    asked, tmp_path, landmark_model, capsys
):
    found = list(trials(tmp_path, landmark_model, 1, asked))
    with capsys.disabled():
        sys.stdout.write(f"\n{table(found)}\n")
    assert [one for one in found if not one["fine"]] == []
