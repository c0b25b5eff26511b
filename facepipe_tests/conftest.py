"""How the tests share two cores when pytest-xdist runs them side by side."""

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # two processes of two threads each would wait for each other most of the time; set before
    # numpy and torch are imported, and handed on to every command that a test runs
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """Keep what shares a costly fixture on one worker, and each file's tests together."""
    for item in items:
        group = "made" if "made" in getattr(item, "fixturenames", ()) else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
