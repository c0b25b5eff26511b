"""A text in the corner can be read over anything, and changes nothing else."""

import numpy as np
import pytest

from facepipe.compositing.notice import LONGEST, Notice
from facepipe.errors import BadInputError, SettingsError

TEXT = "AI-generated: not Ada (2026)"
RNG = np.random.default_rng(5)
BEHIND = {
    "black": np.zeros((360, 640, 3), np.uint8),
    "white": np.full((360, 640, 3), 255, np.uint8),
    "grey": np.full((360, 640, 3), 128, np.uint8),
    "noise": RNG.integers(0, 256, (360, 640, 3), np.uint8),
}


@pytest.mark.parametrize("behind", BEHIND)
def test_white_letters_stand_beside_their_dark_edge_whatever_is_behind(behind):
    plain = BEHIND[behind]
    shown = Notice(TEXT).on(plain)
    letters = Notice(TEXT).on(BEHIND["black"])[..., 0] > 250
    edge = (Notice(TEXT).on(BEHIND["white"])[..., 0] < 5) & ~letters
    assert letters.sum() > 200
    assert edge.sum() > 500
    assert shown[letters].min() > 250
    assert shown[edge].max() < 5


def test_only_the_lower_right_corner_changes_and_the_given_picture_stays():
    behind, before = BEHIND["noise"], BEHIND["noise"].copy()
    shown = Notice(TEXT).on(behind)
    rows, columns = np.nonzero((shown != behind).any(axis=2))
    assert rows.min() > 360 * 0.9
    assert columns.min() > 640 * 0.4
    np.testing.assert_array_equal(behind, before)


@pytest.mark.parametrize("size_wh", [(640, 360), (1920, 1080), (360, 640), (256, 256), (161, 1000)])
def test_a_line_lies_whole_within_the_picture_at_a_twentieth_of_its_height_or_less(size_wh):
    plain = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    rows, columns = np.nonzero(Notice(TEXT).on(plain)[..., 0])
    height_px = rows.max() - rows.min() + 1
    assert 6 <= height_px <= size_wh[1] / 15
    assert columns.min() > 0
    assert columns.max() < size_wh[0] - 1
    assert rows.max() < size_wh[1] - 1


def test_without_a_text_the_picture_is_passed_on_as_it_is():
    assert Notice("").on(BEHIND["noise"]) is BEHIND["noise"]


def test_a_picture_too_small_to_read_it_on_is_refused():
    with pytest.raises(BadInputError, match="cannot be read on 64 x 48 px: it must be shorter"):
        Notice(TEXT).on(np.zeros((48, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Künstlich", "holds 'ü': it must be one line of English letters"),
        ("合成", "holds '合'"),
        ("fake \N{SKULL}", "holds '\N{SKULL}'"),
        ("two\nlines", r"holds '\\n'"),
        ("\x1b[2J", r"holds '\\x1b'"),
        (" left", "begins or ends with a space"),
        ("x" * (LONGEST + 1), "has 81 characters: it must have at most 80"),
    ],
)
def test_what_the_font_cannot_draw_is_refused_and_never_drawn_as_a_box(text, said):
    with pytest.raises(SettingsError, match=said):
        Notice(text)
