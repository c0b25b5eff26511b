"""A picture is written whole or not at all."""

import subprocess

import cv2
import numpy as np
import pytest

from facepipe.errors import StorageError
from facepipe.media.png import save_png


def test_a_picture_is_read_as_it_was_written(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    save_png(tmp_path / "a.png", picture)
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"))[:, :, ::-1], picture)


def test_without_room_for_it_nothing_is_left_and_the_full_disk_is_named(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path]).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        picture = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
        with pytest.raises(StorageError, match="No space left on device"):
            save_png(tmp_path / "a.png", picture)
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", tmp_path], check=True)
