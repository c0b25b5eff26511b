"""Mapping: what a user writes is what is asked for, and nothing else is taken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facepipe.errors import SettingsError
from facepipe.swapping.mapping import Wish, identities_in, wish_in, wished, wishes_in
from facepipe.swapping.settings import SwapSettings

NAMES = st.sampled_from(["a", "ada", "0", "eve_2-x", "one"])
NUMBERS = st.integers(1, 10**6)
PLAIN = st.builds(Wish, NAMES, st.sampled_from(["one", "many"]))
NUMBERED = st.builds(Wish, NAMES, st.sampled_from(["track", "left-to-right", "frame"]), NUMBERS)
PATHS = st.text("a/ '\"\\.=:é", min_size=1, max_size=6).map("/".__add__)
PICTURES = st.builds(Wish, NAMES, st.just("picture"), st.just(0), PATHS)


@settings(max_examples=40)
@given(st.lists(st.one_of(PLAIN, NUMBERED, PICTURES), max_size=3))
def test_what_is_written_is_read_back(wishes):
    assert list(wishes_in(" ".join(map(str, wishes)))) == wishes


@pytest.mark.parametrize(
    "word",
    [
        "ada", "=track:0", "ada=", "ada=track", "ada=track:-1", "ada=left-to-right:0", "Ada=one",
        "ada=track:x", "ada=everybody", "ada=reference:", "../x=one", "ada=frame:3", "a|b=one",
    ],
)  # fmt: skip
def test_what_maps_nobody_is_refused_with_what_is_needed(word):
    with pytest.raises(SettingsError, match=r"IDENTITY=PLACE|a place is one, many"):
        wish_in(word)
    with pytest.raises(SettingsError):
        SwapSettings(people=f"eve=one {word}")


def test_an_open_quotation_is_refused():
    with pytest.raises(SettingsError, match="quotation mark"):
        SwapSettings(people="ada='reference:a b.png")


def test_the_swap_s_own_identity_comes_first_and_needs_no_place():
    eve, bob = Wish("eve", "track", 4), Wish("bob", "many")
    assert wished("", "ada") == (Wish("ada"),)
    assert wished("eve=track:4 bob=many", "ada") == (Wish("ada"), eve, bob)
    assert wished("eve=track:4 bob=many", "bob") == (bob, eve)


def test_an_identity_with_two_places_is_one_identity():
    wishes = wished("ada=track:1 eve=track:2 ada=track:3", "ada")
    assert identities_in(wishes) == ["ada", "eve"]
    assert [wish.number for wish in wishes] == [1, 3, 2]
