"""Between a running training and a snapshot of it, exactly, both ways."""

from typing import Any

import torch
from torch import Tensor, nn

from facepipe.errors import SettingsError
from facepipe.training.average import RunningAverage, put, trainable
from facepipe.training.progress import Progress
from facepipe.training.state import Snapshot


def capture(
    progress: Progress,
    network: nn.Module,
    optimizer: Any,
    average: RunningAverage,
    generator: torch.Generator,
) -> Snapshot:
    """A snapshot of everything the next step depends on."""
    names = list(trainable(network))
    tensors: dict[str, Tensor] = {f"weights/{name}": p for name, p in trainable(network).items()}
    tensors |= {f"average/{name}": weight for name, weight in average.weights.items()}
    for index, memory in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{key}/{names[index]}": value for key, value in memory.items()}
    tensors |= {"random/sampling": generator.get_state(), "random/torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    record: dict[str, Any] = {"progress": progress.as_record()}
    scaler = getattr(optimizer, "scaler", None)
    if scaler is not None:
        record["scaler"] = scaler.state_dict()
    return Snapshot(progress.step, tensors, record)


def restore(
    snapshot: Snapshot,
    network: nn.Module,
    optimizer: Any,
    average: RunningAverage,
    generator: torch.Generator,
) -> Progress:
    """Put a snapshot into the parts of a training; how far it was."""
    put(network, _under("weights/", snapshot.tensors))
    average.weights = {
        name: _laid_like(p, snapshot.tensors[f"average/{name}"])
        for name, p in trainable(network).items()
    }
    _restore_optimizer(snapshot.tensors, network, optimizer)
    generator.set_state(snapshot.tensors["random/sampling"])
    torch.set_rng_state(snapshot.tensors["random/torch"])
    if "random/cuda" in snapshot.tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(snapshot.tensors["random/cuda"])
    scaler = getattr(optimizer, "scaler", None)
    if scaler is not None and "scaler" in snapshot.record:
        scaler.load_state_dict(snapshot.record["scaler"])
    return Progress.from_record(snapshot.record["progress"])


def check_same(record: dict[str, Any], pinned: dict[str, Any]) -> None:
    """Refuse a state that was made under other settings, from other data or on another base.

    Raises:
        SettingsError: Names each difference, what the state has and what came.
    """
    had = record["pinned"]
    differences = [
        f"{name} (state: {had.get(name)}, now: {pinned.get(name)})"
        for name in sorted({*had, *pinned})
        if had.get(name) != pinned.get(name)
    ]
    if differences:
        raise SettingsError(
            f"the saved training cannot go on with another {', '.join(differences)}; "
            f"put them back, or remove its scratch folder to start over"
        )


def _restore_optimizer(tensors: dict[str, Tensor], network: nn.Module, optimizer: Any) -> None:
    parameters = trainable(network)
    state: dict[int, dict[str, Tensor]] = {}
    for index, (name, p) in enumerate(parameters.items()):
        for key in ("step", "exp_avg", "exp_avg_sq"):
            kept = tensors.get(f"optimizer/{key}/{name}")
            if kept is not None:
                state.setdefault(index, {})[key] = kept if key == "step" else _laid_like(p, kept)
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _laid_like(parameter: nn.Parameter, tensor: Tensor) -> Tensor:
    """The tensor in the parameter's order in memory: sums then round as they did before."""
    return torch.empty_like(parameter, requires_grad=False).copy_(tensor)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
