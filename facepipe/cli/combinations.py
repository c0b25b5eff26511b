"""What a grid trains: all combinations of the adapter's settings given several values."""

import itertools
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from facepipe.cli.choosing import Chosen, choose_settings, parsed
from facepipe.cli.running import Pair, swapper_of
from facepipe.defs.partitions import pair_key
from facepipe.defs.recipes import short_hash
from facepipe.errors import SettingsError

KEY = "pair/lora_checkpoint"
MOST = 64
_NOT_MADE = ("pair/swapped_video", "pair/swap_report")
_IN_THE_MEASURE = ("l1", "ssim", "lookup", "mask", "eyes", "mouth", "held_out_every")
_NO_DIFFERENCE = ("on_change", "preview_every")
_EXAMPLE = f"--set {KEY}.rank=8,16,32"
Combination = dict[str, str]
"""A value of each varied option of the adapter, as it was given."""


@dataclass(frozen=True)
class Grid:
    """What to compare.

    Attributes:
        pair: The pair, with the settings that all combinations have.
        preset: The preset these began with.
        fixed: `KEY.OPTION=VALUE` of each setting given with one value.
        varied: The values of each option of the adapter given with several.
    """

    pair: Pair
    preset: str | None = None
    fixed: list[str] = field(default_factory=list[str])
    varied: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    @property
    def combinations(self) -> list[Combination]:
        """Every way to choose a value of each varied option."""
        values = itertools.product(*self.varied.values())
        return [dict(zip(self.varied, chosen, strict=True)) for chosen in values]

    @property
    def key(self) -> str:
        """The pair's partition."""
        return pair_key(self.pair.identity, self.pair.target)

    @property
    def id(self) -> str:
        """The same for the same grid."""
        return short_hash({"pair": self.key, "settings": self.pair.settings, **self.varied})

    def settings(self, combination: Combination) -> Chosen:
        """All settings of a combination."""
        return choose_settings(self.preset, [*self.fixed, *_assignments(combination)])

    def command(self, combination: Combination) -> str:
        """What makes a combination the pair's own."""
        preset = ["--preset", self.preset] if self.preset else []
        drawn = [] if swapper_of(self.pair) == "lora" else ["pair/swapped_video.swapper=lora"]
        given = [*self.fixed, *_assignments(combination), *drawn]
        options = [part for assignment in given for part in ("--set", assignment)]
        names = (self.pair.identity, self.pair.target)
        return shlex.join(["facepipe", "run", *names, *preset, *options])


def named(combination: Combination) -> str:
    """A combination as people read it.

    >>> named({"rank": "8", "learning_rate": "1e-3"})
    'rank=8, learning_rate=1e-3'
    """
    return ", ".join(f"{option}={value}" for option, value in combination.items())


def planned(pair: Pair, assignments: Sequence[str], preset: str | None) -> Grid:
    """What to compare, every value of it checked.

    Raises:
        SettingsError: A setting is unknown, out of range, given twice or not to be varied, or
            there are too few or too many combinations.
    """
    fixed: list[str] = []
    varied: dict[str, list[str]] = {}
    for assignment in assignments:
        key, option, value = parsed(assignment)
        if "," in value:
            varied[_to_vary(key, option, varied)] = value.split(",")
        else:
            fixed.append(_to_fix(key, assignment))
    twice = [text for text in fixed if parsed(text)[:2] in {(KEY, option) for option in varied}]
    if twice:
        raise SettingsError(f"--set {twice[0]}: this option is given twice")
    bare = Pair(pair.identity, pair.target, choose_settings(preset, fixed), pair.device)
    wanted = Grid(bare, preset, fixed, varied)
    _check_count(wanted)
    return wanted


def _to_vary(key: str, option: str, varied: dict[str, list[str]]) -> str:
    if key != KEY:
        raise SettingsError(f"--set {key}.{option}: a grid varies {KEY} only; give this one value")
    if option in _IN_THE_MEASURE:
        raise SettingsError(
            f"--set {key}.{option}: combinations are compared by the held-out loss, of which this "
            f"is a part; give it one value"
        )
    if option in _NO_DIFFERENCE:
        raise SettingsError(f"--set {key}.{option} does not change the result; give it one value")
    if option in varied:
        raise SettingsError(f"--set {key}.{option}: this option is given twice")
    return option


def _to_fix(key: str, assignment: str) -> str:
    if key in _NOT_MADE:
        raise SettingsError(f"--set {assignment}: a grid makes no {key}; give it to facepipe run")
    return assignment


def _check_count(wanted: Grid) -> None:
    """Refuse too few, too many, and the same twice; each combination's values are checked."""
    if not wanted.varied:
        raise SettingsError(f"nothing to compare: give a setting several values, as in {_EXAMPLE}")
    count = math.prod(len(values) for values in wanted.varied.values())
    if count > MOST:
        raise SettingsError(f"{count} combinations; at most {MOST} are trained")
    seen: list[dict[str, object]] = []
    for combination in wanted.combinations:
        settings = wanted.settings(combination)[KEY]
        if settings in seen:
            raise SettingsError(f"{named(combination)} stands in the grid twice; give it once")
        seen.append(settings)


def _assignments(combination: Combination) -> list[str]:
    return [f"{KEY}.{option}={value}" for option, value in combination.items()]
