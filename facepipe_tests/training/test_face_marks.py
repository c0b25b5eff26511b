"""Beards, lips, folds and glasses are drawn on a face, stay on it, and hide nothing of it."""

import numpy as np
import pytest

from facepipe.training import face_marks, occluder_data
from facepipe.training.face_marks import marked
from facepipe.training.occluder_data import Hosts, lesson

SIDE = 160
SKIN = np.full((SIDE, SIDE, 3), (190, 140, 110), np.float32)
FACE = np.zeros((SIDE, SIDE), np.float32)
FACE[30:140, 35:125] = 1


def drawn(count=200):
    return [marked(np.random.default_rng(seed), SKIN, FACE) for seed in range(count)]


def test_nothing_beside_the_face_changes_and_about_half_of_all_faces_do_not_either():
    found = drawn()
    for rgb in found:
        assert np.array_equal(rgb[FACE == 0], SKIN[FACE == 0])
        assert rgb.min() >= 0
        assert rgb.max() <= 255
    same = np.mean([np.array_equal(rgb, SKIN) for rgb in found])
    assert 0.35 < same < 0.65


@pytest.mark.parametrize("mark", [mark for _, mark in face_marks._MARKS])
def test_each_mark_is_seen_and_leaves_most_of_the_face_as_it_was(mark):
    for seed in range(20):
        colour, cover = mark(np.random.default_rng(seed), SIDE)
        assert cover.shape == (SIDE, SIDE)
        assert np.broadcast_to(colour, SKIN.shape).shape == SKIN.shape
        assert cover.min() >= 0
        assert 0.05 < cover.max() <= 1
        assert (cover * FACE > 0.5).sum() < 0.6 * FACE.sum()


def test_the_same_chance_draws_the_same():
    assert np.array_equal(drawn(3), drawn(3))


def test_a_face_that_bears_them_is_still_wholly_visible(monkeypatch):
    def nothing(rng, rgb, kind, palette):
        return rgb, np.zeros(rgb.shape[:2], np.float32)

    monkeypatch.setattr(occluder_data, "paste_thing", nothing)
    count = 8
    hosts = Hosts(
        np.stack([SKIN.astype(np.uint8)] * count),
        np.stack([(FACE * 255).astype(np.uint8)] * count),
        np.full((count, SIDE, SIDE), 255, np.uint8),
        np.zeros(count, np.float32),
    )
    made = lesson(hosts, range(count), hosts.rgb, np.random.default_rng(0))
    assert (made.visible == made.outline).all()
    assert (made.sure == 1).all()
