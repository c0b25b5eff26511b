"""How the tests share two cores when pytest-xdist runs them side by side."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    # two processes of two threads each would wait for each other most of the time; set before
    # numpy and torch are imported, and handed on to every command that a test runs
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
