"""What is given on the command line means what it says."""

from facepipe.cli.choosing import choose_settings

SWAP = "pair/swapped_video"


def test_none_is_a_word_where_text_is_wanted_and_nothing_where_that_may_be():
    given = [f"{SWAP}.{option}=none" for option in ("occlusion", "colour", "same_person")]
    chosen = choose_settings(None, given)[SWAP]
    assert chosen == {"occlusion": "none", "colour": "none", "same_person": None}
