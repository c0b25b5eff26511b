"""The sheet of the worst frames: which faces are on it, and in what order."""

import numpy as np
import pytest

from facepipe.swapping.sheet import PAPER
from facepipe.swapping.worst import FACE_SHOWN_PX, MEASURES, Worst, side_by_side
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.swapping.clips import frame_of

CAPTION_PX, CELL_PX = 28, 2 * FACE_SHOWN_PX + 12


def row(second, role=0, **values):
    known = {measure.column: np.nan for measure in MEASURES}
    place = {
        "pts_s": float(second),
        "frame_index": round(second * 25),
        "role": role,
        "opacity": 1.0,
    }
    return {**known, **place, **values}


def picture(shade):
    return np.full((FACE_SHOWN_PX, 2 * FACE_SHOWN_PX, 3), shade, np.uint8)


def shades(worst):
    """The shade of each picture of each row of the sheet, from the left."""
    sheet = worst.sheet()
    middles = range(CAPTION_PX + FACE_SHOWN_PX // 2, len(sheet), FACE_SHOWN_PX + 2 * CAPTION_PX)
    return [[int(sheet[y, x, 0]) for x in range(50, sheet.shape[1], CELL_PX)] for y in middles]


def test_the_worst_come_first_and_high_is_bad_for_some_measures_and_low_for_others():
    worst = Worst(each=2)
    for second, seam, likeness in ((0, 1.0, 0.9), (1, 4.0, 0.2), (2, 2.0, 0.1)):
        faces = row(second, seam_delta_e=seam, similarity_to_identity=likeness)
        worst.look(faces, picture(10 * second))
    assert shades(worst) == [[20, 10], [10, 20]]  # likeness, then seam


def test_of_neighbouring_frames_only_the_worst_is_shown():
    worst = Worst(each=2)
    for frame, seam in enumerate((1.0, 3.0, 2.0)):
        worst.look(row(frame / 25, seam_delta_e=seam), picture(frame))
    worst.look(row(5, seam_delta_e=0.5), picture(9))
    assert shades(worst) == [[1, 9]]
    worst.look(row(0.1, role=1, seam_delta_e=9.0), picture(77))  # another person's face
    assert shades(worst) == [[77, 1]]


def test_what_was_not_measured_is_not_bad_and_an_empty_place_is_paper():
    worst = Worst(each=2)
    worst.look(row(0, seam_delta_e=np.nan, flicker=1.0), picture(3))
    assert shades(worst) == [[3, PAPER]]


def test_a_face_that_fades_is_not_blamed_for_its_likeness_but_for_its_edge():
    worst = Worst(each=1)
    worst.look(row(0, similarity_to_identity=0.1, seam_delta_e=5.0, opacity=0.5), picture(1))
    worst.look(row(1, similarity_to_identity=0.6, seam_delta_e=2.0), picture(2))
    assert shades(worst) == [[2], [1]]


@pytest.mark.parametrize("shift", [0, 60])
def test_a_picture_shows_the_face_as_it_was_and_as_it_is(shift):
    frame, points = frame_of(mesh_points())
    lit = np.clip(frame.astype(int) + shift, 0, 255).astype(np.uint8)
    shown = side_by_side((frame, lit), points).astype(int)
    assert shown.shape == (FACE_SHOWN_PX, 2 * FACE_SHOWN_PX, 3)
    before, after = np.hsplit(shown, 2)
    assert (after - before)[100, 100].max() == pytest.approx(shift, abs=1)
