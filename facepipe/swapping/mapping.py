"""What a user says of who gets whose face: `ada=track:0 eve=left-to-right:2`."""

import re
import shlex
from dataclasses import dataclass
from typing import Literal

from facepipe.errors import SettingsError
from facepipe.settings import NAME_PATTERN

Kind = Literal["one", "many", "track", "left-to-right", "frame", "picture"]
WAYS = "one, many, track:NUMBER, left-to-right:NUMBER, reference:frame:NUMBER or reference:PICTURE"


@dataclass(frozen=True)
class Wish:
    """One identity's place in a target.

    Attributes:
        identity: its name.
        kind: `one`: the person that the target's faces are of; `many`: everybody who is nobody
            else's; `track`, `left-to-right` (from 1) and `frame` (the largest face in it) by
            `number`; `picture`: who looks like the face in `path`.
        number: of the track, the place or the frame.
        path: of the picture.
    """

    identity: str
    kind: Kind = "one"
    number: int = 0
    path: str = ""

    @property
    def place(self) -> str:
        """As the user writes it."""
        numbered = {"frame": f"reference:frame:{self.number}", "picture": f"reference:{self.path}"}
        if self.kind in ("track", "left-to-right"):
            return f"{self.kind}:{self.number}"
        return numbered.get(self.kind, self.kind)

    def __str__(self) -> str:
        return shlex.quote(f"{self.identity}={self.place}")


def wishes_in(people: str) -> tuple[Wish, ...]:
    """What a text of `IDENTITY=PLACE`, separated by spaces and quoted as in a shell, asks for.

    Raises:
        SettingsError: It is not of this form.
    """
    try:
        words = shlex.split(people)
    except ValueError as error:
        raise SettingsError(f"people is {people!r}: a quotation mark is not closed") from error
    return tuple(wish_in(word) for word in words)


def wish_in(word: str) -> Wish:
    """What one `IDENTITY=PLACE` asks for.

    Raises:
        SettingsError: It is not of this form, or the name cannot be an identity's.
    """
    identity, equals, place = word.partition("=")
    if not equals or not re.fullmatch(NAME_PATTERN, identity):
        raise SettingsError(f"{word!r} maps nobody: give IDENTITY=PLACE, as in ada=track:0")
    if place in ("one", "many"):
        return Wish(identity, place)
    for kind, pattern in _NUMBERED.items():
        found = re.fullmatch(pattern, place)
        if found:
            return Wish(identity, kind, int(found[1]))
    if place.startswith("reference:") and len(place) > len("reference:"):
        return Wish(identity, "picture", path=place.removeprefix("reference:"))
    raise SettingsError(f"{identity}={place}: a place is {WAYS}")


def wished(people: str, identity: str) -> tuple[Wish, ...]:
    """All that is asked for in a swap that is named after `identity`, its own wish first.

    It replaces the person that the target's faces are of, unless the text says otherwise.
    """
    asked = wishes_in(people)
    own = tuple(wish for wish in asked if wish.identity == identity) or (Wish(identity),)
    return own + tuple(wish for wish in asked if wish.identity != identity)


def identities_in(wishes: tuple[Wish, ...]) -> list[str]:
    """Each identity once, in the order of their first wishes."""
    return list(dict.fromkeys(wish.identity for wish in wishes))


_NUMBERED: dict[Kind, str] = {
    "track": r"track:(\d{1,9})",
    "left-to-right": r"left-to-right:([1-9]\d{0,8})",
    "frame": r"reference:frame:(\d{1,9})",
}
