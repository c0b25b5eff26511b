"""How large the networks of an identity model are, by the letter that a user chooses."""

from facepipe.training.settings import IdentityTrainingSettings

_SIZES = {
    "compact": {"s": (16, 3), "m": (32, 3), "l": (64, 3)},
    "inswapper": {"s": (48, 6), "m": (80, 6), "l": (128, 6)},
}
"""Width and blocks by architecture and size."""


def width_and_blocks(settings: IdentityTrainingSettings) -> tuple[int, int]:
    """What the size stands for, or what is asked for in its place."""
    width, blocks = _SIZES[settings.architecture][settings.size]
    return settings.width or width, settings.blocks or blocks
