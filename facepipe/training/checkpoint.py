"""The identity model's files: `model.safetensors` and `model.json`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import safetensors
import safetensors.torch

from facepipe.errors import ModelFileError
from facepipe.files import sha256_of, write_whole
from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.inswapper import Inswapper, InswapperSettings, empty_inswapper

WEIGHTS = "model.safetensors"
AnyGenerator: TypeAlias = Generator | Inswapper
AnyShape: TypeAlias = GeneratorSettings | InswapperSettings


def save_generator(folder: Path, network: AnyGenerator, settings: AnyShape) -> None:
    """Write weights and shape of a generator.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    tensors = {name: p.detach().cpu().contiguous() for name, p in network.state_dict().items()}
    write_whole(folder / WEIGHTS, safetensors.torch.save(tensors, metadata={"format": "pt"}))
    described = {"architecture": architecture_of(network), **asdict(settings)}
    write_whole(folder / "model.json", json.dumps(described, indent=1, sort_keys=True) + "\n")


def architecture_of(network: AnyGenerator) -> str:
    """What `IdentityTrainingSettings.architecture` calls a network of its kind."""
    return "inswapper" if isinstance(network, Inswapper) else "compact"


def load_generator(folder: Path) -> AnyGenerator:
    """The generator in `folder`, on the CPU, ready to draw.

    Raises:
        ModelFileError: A file is missing, or they do not fit each other.
    """
    try:
        described = json.loads((folder / "model.json").read_text())
        network = _shaped(described.pop("architecture"), described)
        network.load_state_dict(safetensors.torch.load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ModelFileError(f"{folder} holds no usable identity model ({error})") from error
    except safetensors.SafetensorError as error:
        raise ModelFileError(
            f"{folder / WEIGHTS} is damaged ({error}); train the identity model again"
        ) from error
    return network.eval()


def _shaped(architecture: str, described: dict[str, Any]) -> AnyGenerator:
    if architecture == "compact":
        return Generator(GeneratorSettings(**described))
    if architecture == "inswapper":
        return empty_inswapper(InswapperSettings(**described))
    raise ValueError(f"architecture {architecture!r}; known are compact and inswapper")


def weights_digest(folder: Path) -> str:
    """The SHA-256 of an identity model's weights, which adapters are pinned to.

    Raises:
        ModelFileError: There are none.
    """
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise ModelFileError(f"{folder} holds no {WEIGHTS}; train the identity model first")
    return sha256_of(weights)


def best_of(folder: Path) -> Path:
    """A training's `best/` if it has one, else the folder itself."""
    best = folder / "best"
    return best if best.is_dir() else folder
