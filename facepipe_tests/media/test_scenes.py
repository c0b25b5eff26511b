"""Hard cuts are found; motion, fades, flashes and repeated frames are not taken for cuts."""

import numpy as np

from facepipe.media.scenes import CUT_LEVELS, scene_numbers


def scenes(difference, repeats=None):
    difference = np.asarray(difference, float)
    repeats = np.zeros(len(difference), bool) if repeats is None else np.asarray(repeats)
    return scene_numbers(difference, repeats).tolist()


def test_a_lone_jump_is_a_cut():
    assert scenes([0, 1, 1, 40, 1, 1, 1, 25, 1]) == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_a_jump_in_a_still_picture_counts_from_the_least_level_on():
    assert scenes([0, 0, 0, CUT_LEVELS, 0, 0])[-1] == 0
    assert scenes([0, 0, 0, CUT_LEVELS + 0.1, 0, 0])[-1] == 1


def test_lasting_motion_is_no_cut():
    assert scenes([0, 30, 28, 33, 35, 29, 31])[-1] == 0


def test_a_flash_is_no_cut():
    assert scenes([0, 1, 1, 60, 60, 1, 1])[-1] == 0
    assert scenes([0, 1, 1, 60, 2, 60, 1, 1])[-1] == 0


def test_a_cut_shows_against_motion_before_it():
    assert scenes([0, 8, 9, 8, 50, 2, 2])[-1] == 1


def test_what_is_said_of_the_first_frame_does_not_count():
    assert scenes([99, 1, 1, 1])[-1] == 0


def test_motion_at_ten_frames_a_second_shown_at_thirty_is_no_row_of_cuts():
    difference = [0, 0.1, 0.1] + [12, 0.1, 0.1] * 6
    repeats = [False, True, True] * 7
    assert scenes(difference, repeats)[-1] == 0
    assert scenes(difference)[-1] > 3  # unless repeats are known


def test_clips_of_any_length_have_a_scene_for_every_frame():
    for count in range(6):
        assert scenes(np.ones(count)) == [0] * count


def test_a_second_frame_of_another_shot_is_a_cut():
    assert scenes([0, 50]) == [0, 1]


def test_pictures_held_for_a_while_are_shots():
    held = [False] + [True] * 5
    assert scenes([0] * 6 + [20] + [0] * 5 + [30] + [0] * 5, held * 3)[::6] == [0, 1, 2]
