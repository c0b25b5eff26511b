"""Animations in the UI show what they are given, and stay small."""

import base64
import io

import numpy as np
from PIL import Image

from facepipe.defs import previews


def shown(metadata):
    return base64.b64decode(metadata.value.partition("base64,")[2].rstrip(")"))


def test_an_animation_shows_at_most_twenty_of_many_pictures_first_and_last_among_them(tmp_path):
    paths = [tmp_path / f"{index:03d}.png" for index in range(50)]
    for index, path in enumerate(paths):
        Image.new("RGB", (512, 256), (5 * index,) * 3).save(path)
    found = Image.open(io.BytesIO(shown(previews.animation(paths))))
    assert getattr(found, "n_frames", 1) == 20
    assert found.size == (320, 160)
    assert np.asarray(found.convert("RGB")).mean() < 4
    found.seek(19)
    assert abs(np.asarray(found.convert("RGB")).mean() - 245) < 4
