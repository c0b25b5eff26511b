"""Curves and animations in the UI show what they are given, and stay small."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from facepipe.defs import previews


def shown(metadata):
    return base64.b64decode(metadata.value.partition("base64,")[2].rstrip(")"))


def drawing(lines):
    svg = shown(previews.curves(lines, "epochs")).decode()
    points = [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'points="([^"]*)"', svg)
    ]
    return points, re.findall(r">([^<]+)</text>", svg)


def test_each_name_gets_a_line_through_its_own_values():
    lines, texts = drawing({"one": {1: 0.0, 2: 1.0, 3: 0.5}, "other": {3: 0.25}, "none": {}})
    assert [len(line) for line in lines] == [3, 1]
    assert any("one: 0 to 0.5" in text for text in texts)
    assert not any("none" in text for text in texts)


def test_lines_share_their_axes():
    (one, other), _ = drawing({"one": {1: 0.0, 3: 1.0}, "other": {3: 1.0, 5: 0.0}})
    assert one[1] == other[0]
    assert one[0][1] == other[1][1] > one[1][1]


@pytest.mark.parametrize("values", [{1: 0.3}, {1: 0.3, 2: 0.3}])
def test_a_single_value_and_a_flat_line_can_be_drawn(values):
    lines, _ = drawing({"one": values})
    assert np.isfinite(lines).all()


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
