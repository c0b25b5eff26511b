"""Curves in the UI show what they are given, and stay small."""

import base64
import re

import numpy as np
import pytest

from facepipe.defs.curves import course, curves


def read(metadata):
    """Points of each line, and the texts, of an embedded drawing."""
    svg = base64.b64decode(metadata.value.partition("base64,")[2].rstrip(")")).decode()
    points = [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'points="([^"]*)"', svg)
    ]
    return points, re.findall(r">([^<]+)</text>", svg)


def drawing(lines):
    return read(curves(lines, "epochs"))


def test_each_name_gets_a_line_through_its_own_values():
    lines, texts = drawing({"one": {1: 0.0, 2: 1.0, 3: 0.5}, "other": {3: 0.25}, "none": {}})
    assert [len(line) for line in lines] == [3, 2]  # a lone value is a dot
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


def test_a_course_has_a_gap_where_nothing_is_known_and_a_dot_for_a_lone_value():
    values = np.array([0.0, 1, np.nan, 0.5, np.nan, np.nan, 1, 0], np.float32)
    lines, texts = read(course({"one": values}, np.arange(8)))
    assert [len(line) for line in lines] == [2, 2, 2]
    assert lines[1][0] == lines[1][1]
    assert "one: mean 0.5" in texts
    assert course({"one": np.full(8, np.nan)}, np.arange(8)) is None


def test_a_limit_is_drawn_even_where_no_value_comes_near():
    _, texts = read(course({"one": np.full(5, 0.1)}, np.arange(5), limit=3.0))
    assert "limit 3" in texts
    assert "3" in texts  # the top of the scale


def test_a_long_film_is_drawn_by_few_points_that_keep_its_peaks():
    values = np.random.default_rng(0).uniform(0.4, 0.6, 20_000)
    values[12_345], values[777] = 1.0, 0.0
    ((line),), _ = read(course({"one": values}, np.arange(20_000) / 25))
    assert len(line) <= 800
    heights = [y for _, y in line]
    assert min(heights) == 25.0
    assert max(heights) == 195.0
