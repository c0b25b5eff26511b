"""What the training of an identity model in the inswapper layout starts with."""

from pathlib import Path

import torch

from facepipe.files import sha256_of
from facepipe.training.inswapper import Inswapper, InswapperSettings
from facepipe.training.inswapper_reader import read_inswapper
from facepipe.training.settings import IdentityTrainingSettings
from facepipe.training.sizes import width_and_blocks


def starting_inswapper(settings: IdentityTrainingSettings) -> tuple[Inswapper, InswapperSettings]:
    """The network in the file `settings.weights`, or one with random weights, and its sizes.

    Random weights depend on `settings.seed` alone; those of a file bring their own sizes.

    Raises:
        ModelFileError: The file is missing, damaged, or laid out otherwise.
        VerificationError: The network draws something else than onnxruntime does from the file.
    """
    if settings.weights:
        return read_inswapper(Path(settings.weights), settings.pixels)
    shape = InswapperSettings(*width_and_blocks(settings), pixels=settings.pixels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return Inswapper(shape), shape


def weights_pin(settings: IdentityTrainingSettings) -> dict[str, str]:
    """The hash of the file that a training starts from, wherever it lies; nothing without one."""
    return {"weights": sha256_of(Path(settings.weights))} if settings.weights else {}
