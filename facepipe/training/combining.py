"""Several adapters of one identity model combined into one model for other programs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor

from facepipe.errors import SettingsError
from facepipe.files import sha256_of
from facepipe.training.adapter import (
    WEIGHTS,
    adapter_config,
    adapter_files,
    add_adapter,
    load_adapter,
    merged,
    put_change,
)
from facepipe.training.checkpoint import AnyGenerator, best_of, load_generator, weights_digest
from facepipe.training.export import model_files

Method = Literal["linear", "svd"]


@dataclass(frozen=True)
class Part:
    """What one adapter gives.

    Attributes:
        adapter: what `train_lora` left; its `best/` is taken.
        weight: how much of its change counts.
        facts: whatever the caller says of it, for the lineage.
    """

    adapter: Path
    weight: float
    facts: Mapping[str, str]


def checked_method(text: str) -> Method:
    """A method by its name.

    Raises:
        SettingsError: There is none of that name.
    """
    if text not in get_args(Method):
        raise SettingsError(f"--method {text!r} is unknown; known: {', '.join(get_args(Method))}")
    return cast(Method, text)


def checked_weights(text: str | None, count: int) -> list[float]:
    """One weight for each of `count` adapters, `0.5,0.5` for example; equal shares by default.

    Raises:
        SettingsError: There are more or fewer, or one is no number above 0.
    """
    if text is None:
        return [1 / count] * count
    try:
        weights = [float(entry) for entry in text.split(",")]
    except ValueError:
        weights = []
    if len(weights) != count or not all(0 < weight < math.inf for weight in weights):
        raise SettingsError(
            f"--weights is {text!r}; {count} numbers above 0 with commas between are needed, "
            f"one for each target"
        )
    return weights


def combined_files(
    base: Path,
    parts: Sequence[Part],
    name: str,
    method: Method,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, bytes]:
    """`<name>.onnx`, `.hash` and `.json` of an identity model with several adapters' changes added.

    What each adapter changes in the base's weights, times its weight, is added up: exactly, of
    whatever rank and kind the adapters are (PEFT's own linear combination multiplies the adapters'
    halves crosswise, and its svd refuses layers narrower than the rank). With `svd` the sum is
    cut to the adapters' largest rank, and comes as an adapter in PEFT's format as well, in the
    folder `<name>`.

    Args:
        base: what `train_identity` left; its `best/` is taken.
        parts: the adapters.
        name: of the files; it should end in `_lora`, which is how WatserFace finds such files.
        method: how they are combined.
        facts: whatever else the lineage should say.

    Raises:
        ModelFileError: A file is missing, or an adapter was trained on another base.
        VerificationError: onnxruntime draws something else.
    """
    place = best_of(base)
    digest = weights_digest(place)
    change, rank = _combined_change(place, parts)
    adapters = [_described(part) for part in parts]
    lineage: dict[str, Any] = {**facts, "method": method, "adapters": adapters}
    network, files = load_generator(place), dict[str, bytes]()
    if method == "svd":
        model = add_adapter(network, digest, adapter_config(network, rank, rank, 0.0))
        put_change(model, change)
        files = {f"{name}/{file}": content for file, content in adapter_files(model).items()}
        network = merged(model)
        lineage |= {"rank": rank, "kept": _kept(change, _change_of(network, place))}
    else:
        _add(network, change)
    made_from = {"base_sha256": digest, "lineage": lineage}
    return files | model_files(network, name, made_from)[1]


def _combined_change(place: Path, parts: Sequence[Part]) -> tuple[dict[str, Tensor], int]:
    """The weighted sum of the adapters' changes by parameter, and their largest rank."""
    change: dict[str, Tensor] = {}
    rank = 1
    for part in parts:
        model = load_adapter(place, best_of(part.adapter))
        rank = max(rank, *(len(p) for name, p in model.named_parameters() if "lora_A" in name))
        for name, difference in _change_of(merged(model), place).items():
            weighted = part.weight * difference
            change[name] = change[name] + weighted if name in change else weighted
    return change, rank


def _change_of(network: AnyGenerator, place: Path) -> dict[str, Tensor]:
    """What in the network's parameters differs from the base in `place`, and by how much."""
    before = dict(load_generator(place).named_parameters())
    with torch.no_grad():
        changes = {name: p - before[name] for name, p in network.named_parameters()}
    return {name: change for name, change in changes.items() if change.any()}


def _add(network: AnyGenerator, change: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name in change:
                p.add_(change[name])


def _kept(wanted: Mapping[str, Tensor], got: Mapping[str, Tensor]) -> float:
    """The share of a change, in squares, that a smaller one holds."""
    missed = [difference - got.get(name, 0) for name, difference in wanted.items()]
    return 1 - _square(missed) / max(_square(wanted.values()), 1e-30)


def _square(tensors: Iterable[Tensor]) -> float:
    return sum(float(tensor.double().square().sum()) for tensor in tensors)


def _described(part: Part) -> dict[str, Any]:
    digest = sha256_of(best_of(part.adapter) / WEIGHTS)
    return {**part.facts, "sha256": digest, "weight": part.weight}
