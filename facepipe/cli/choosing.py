"""The settings of a run, from a preset and what is put over it."""

from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError

from facepipe.defs.names import SWAP
from facepipe.defs.presets import PRESETS, SETTINGS, SETTINGS_CLASSES
from facepipe.errors import SettingsError
from facepipe.swapping.mapping import wish_in

Chosen = dict[str, dict[str, Any]]
"""Settings by asset key and option."""


def choose_settings(preset: str | None, assignments: list[str]) -> Chosen:
    """A preset's settings, with each `KEY.OPTION=VALUE` put over it.

    Raises:
        SettingsError: Unknown preset, key or option, or a value that cannot be used.
    """
    if preset is not None and preset not in PRESETS:
        raise SettingsError(f"preset {preset!r} is unknown; known: {', '.join(PRESETS)}")
    return with_assignments(PRESETS[preset] if preset else {}, assignments)


def with_assignments(preset: Chosen, assignments: list[str]) -> Chosen:
    """Settings, with each `KEY.OPTION=VALUE` put over them.

    Raises:
        SettingsError: Unknown key or option, or a value that cannot be used.
    """
    chosen: Chosen = {key: dict(values) for key, values in preset.items()}
    for assignment in assignments:
        key, option, value = parsed(assignment)
        chosen.setdefault(key, {})[option] = _checked(key, option, value)
    for key, values in chosen.items():
        SETTINGS_CLASSES[key](**values)  # the room refuses what is out of range
    return chosen


def with_places(chosen: Chosen, places: list[str]) -> Chosen:
    """Settings, with each `IDENTITY=PLACE` in the swap's; a picture's path becomes absolute.

    Raises:
        SettingsError: One is not of this form.
    """
    if not places:
        return chosen
    wishes = [wish_in(place) for place in places]
    whole = [replace(w, path=str(Path(w.path).absolute())) if w.path else w for w in wishes]
    swap = {**chosen.get(SWAP, {}), "people": " ".join(map(str, whole))}
    return {**chosen, SWAP: swap}


def parsed(assignment: str) -> tuple[str, str, str]:
    """Key, option and value of `KEY.OPTION=VALUE`.

    Raises:
        SettingsError: It is not of this form, or an unknown key or option.
    """
    name, equals, value = assignment.partition("=")
    key, dot, option = name.rpartition(".")
    if not (equals and dot):
        raise SettingsError(f"--set {assignment!r}: give KEY.OPTION=VALUE, as in {_EXAMPLE}")
    if key not in SETTINGS:
        raise SettingsError(f"--set {name}: unknown key {key!r}; known: {', '.join(SETTINGS)}")
    known = SETTINGS[key].model_fields
    if option not in known:
        raise SettingsError(f"--set {name}: unknown option {option!r}; known: {', '.join(known)}")
    return key, option, value


_EXAMPLE = "pair/lora_checkpoint.epochs=50"


def _checked(key: str, option: str, value: str) -> Any:
    model = SETTINGS[key]
    may_be_none = NoneType in get_args(model.model_fields[option].annotation)
    given: Any = None if may_be_none and value.lower() in {"none", "null"} else value
    try:
        return getattr(model.model_validate({option: given}, strict=False), option)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise SettingsError(f"--set {key}.{option}={value}: {why}") from error
