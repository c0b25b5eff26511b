"""An occluder is believed about a place of somebody's face if it ever saw that place bare."""

import numpy as np

from facepipe.occlusion.trust import LOOKS, believed, spread, trust

BEARD, HAND = np.s_[180:220, 100:160], np.s_[60:120, 30:90]


def looks(count=20, hand=0.7):
    """Shares of a face whose beard is always taken for a thing, and before which a hand comes."""
    found = [np.ones((256, 256), np.float32) for _ in range(count)]
    for place, shares in enumerate(found):
        shares[BEARD] = 0.1 + 0.5 * (place % 3 == 0)
        if place < hand * count:
            shares[HAND] = 0
    return found


def hidden(shares, place):
    inner = shares[place][8:-8, 8:-8]
    return float((inner < 0.5).mean())


def test_what_is_never_surely_seen_bare_hides_nothing_and_a_hand_that_comes_and_goes_does():
    seen = looks()
    shown = believed(seen[1], trust(seen))
    assert hidden(seen[1], BEARD) == hidden(seen[1], HAND) == 1
    assert hidden(shown, BEARD) == 0
    assert hidden(shown, HAND) == 1


def test_a_thing_that_is_always_there_cannot_be_told_from_the_face():
    seen = looks(hand=1)
    assert hidden(believed(seen[0], trust(seen)), HAND) == 0


def test_of_few_looks_everything_is_believed():
    seen = looks(count=7)
    assert trust(seen) is None
    assert np.array_equal(believed(seen[1], None), seen[1])


def test_looks_are_spread_from_the_first_to_the_last_and_none_is_taken_twice():
    assert spread(3) == [0, 1, 2]
    many = spread(1000)
    assert len(set(many)) == len(many) == LOOKS
    assert (many[0], many[-1]) == (0, 999)
