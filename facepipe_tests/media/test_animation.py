"""An animation holds every picture, in order, and ends on the last for longer."""

import io

import numpy as np
import pytest
from PIL import Image

from facepipe.media.animation import animated_webp


@pytest.mark.parametrize("count", [1, 2, 7])
def test_every_picture_is_shown_in_its_turn(count):
    levels = np.linspace(20, 220, count).round().astype(np.uint8)
    pictures = [np.full((40, 64, 3), level, np.uint8) for level in levels]
    shown = Image.open(io.BytesIO(animated_webp(pictures, 0.5)))
    assert getattr(shown, "n_frames", 1) == count
    for place, level in enumerate(levels):
        shown.seek(place)
        frame = np.asarray(shown.convert("RGB"))
        assert frame.shape == (40, 64, 3)
        assert abs(int(frame.mean()) - int(level)) < 4


def test_the_last_picture_is_shown_four_times_as_long():
    pictures = [np.full((8, 8, 3), level, np.uint8) for level in (0, 100, 200)]
    shown = Image.open(io.BytesIO(animated_webp(pictures, 0.5)))
    times = []
    for place in range(3):
        shown.seek(place)
        shown.load()
        times.append(shown.info["duration"])
    assert times == [500, 500, 2000]
