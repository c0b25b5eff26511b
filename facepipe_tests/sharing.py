"""What takes long to make is made by one test process, and read by all."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from facepipe.inference.fetching import fetch_wheel


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` of this test session, filled by `make` in whichever process asks first.

    Whoever changes what lies in it works on a copy.
    """
    own = factory.getbasetemp()
    session = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, finished = session / name, session / f"{name}.finished"
    with (session / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed, also by a kill
        if not finished.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            finished.touch()
    return folder


def landmark_wheel(factory: pytest.TempPathFactory) -> Path:
    """The pinned wheel that the landmark model is built from; fetched once.

    Raises:
        ModelFileError: It cannot be had.
    """
    (wheel,) = once(factory, "landmark-wheel", fetch_wheel).glob("*.whl")
    return wheel
