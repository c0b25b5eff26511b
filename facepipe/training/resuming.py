"""Between a running training and its snapshots, exactly, both ways."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from facepipe.training.average import RunningAverage, put, trainable
from facepipe.training.critic import Critic
from facepipe.training.progress import Progress
from facepipe.training.state import Snapshot


@dataclass(frozen=True, eq=False)
class Parts:
    """What changes from step to step.

    Attributes:
        network: what is trained.
        optimizer: AdamW, as Accelerate wraps it.
        average: of the weights.
        generator: all chance but dropout's.
        critic: learns beside the network, where the objective asks for it.
    """

    network: nn.Module
    optimizer: Any
    average: RunningAverage
    generator: torch.Generator
    critic: Critic | None = None


def capture(
    progress: Progress, parts: Parts, pinned: dict[str, Any], chance: dict[str, Tensor]
) -> Snapshot:
    """A snapshot of everything the next step depends on, where all chance stands included."""
    learning = trainable(parts.network)
    names = list(learning)
    tensors: dict[str, Tensor] = {f"weights/{name}": p for name, p in learning.items()}
    tensors |= {f"average/{name}": weight for name, weight in parts.average.weights.items()}
    tensors |= {f"best/{name}": weight for name, weight in parts.average.best.items()}
    for index, memory in parts.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{key}/{names[index]}": value for key, value in memory.items()}
    tensors |= chance
    if parts.critic is not None:
        tensors |= {f"critic/{name}": held for name, held in parts.critic.tensors().items()}
    record: dict[str, Any] = {"progress": progress.as_record(), "pinned": pinned}
    scaler = getattr(parts.optimizer, "scaler", None)
    if scaler is not None:
        record["scaler"] = scaler.state_dict()
    turn = progress.rollbacks + progress.stage - 1
    return Snapshot(progress.step, tensors, record, turn, lasting=progress.fall is None)


def restore(snapshot: Snapshot, parts: Parts, rank: int = 0) -> Progress:
    """Put a snapshot into the parts of a training, in one of its processes; how far it was."""
    tensors, network = snapshot.tensors, parts.network
    put(network, _under("weights/", tensors))
    learning = trainable(network)
    parts.average.weights = _laid_like(learning, _under("average/", tensors))
    parts.average.best = _laid_like(learning, _under("best/", tensors))
    _restore_optimizer(tensors, network, parts.optimizer)
    if f"{_chance_of(rank)}sampling" in tensors:
        set_random_states(parts.generator, tensors, rank)
    critic = _under("critic/", tensors)
    if parts.critic is not None and critic:  # none where an earlier stage went without
        parts.critic.put(critic)
    scaler = getattr(parts.optimizer, "scaler", None)
    if scaler is not None and "scaler" in snapshot.record:
        scaler.load_state_dict(snapshot.record["scaler"])
    return Progress.from_record(snapshot.record["progress"])


def fits(snapshot: Snapshot, network: nn.Module) -> bool:
    """Whether the snapshot's weights are of the network's names and shapes."""
    saved = _under("weights/", snapshot.tensors)
    learning = trainable(network)
    return saved.keys() == learning.keys() and all(
        saved[name].shape == p.shape for name, p in learning.items()
    )


def differences(record: dict[str, Any], pinned: dict[str, Any]) -> dict[str, str]:
    """What a state was made with and what there is now, by the name of each that differs."""
    had, now = ({"processes": 1, **each} for each in (record["pinned"], pinned))
    return {
        name: f"state: {_brief(had.get(name))}, now: {_brief(now.get(name))}"
        for name in sorted({*had, *now})
        if had.get(name) != now.get(name)
    }


def random_states(generator: torch.Generator, rank: int = 0) -> dict[str, Tensor]:
    """Where all chance of a process stands: sampling, and dropout on CPU and CUDA."""
    states = {"sampling": generator.get_state(), "torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return {_chance_of(rank) + name: state for name, state in states.items()}


def set_random_states(generator: torch.Generator, states: dict[str, Tensor], rank: int = 0) -> None:
    """What `random_states` gave."""
    mine = _chance_of(rank)
    generator.set_state(states[f"{mine}sampling"])
    torch.set_rng_state(states[f"{mine}torch"])
    if f"{mine}cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states[f"{mine}cuda"])


def all_random_states(snapshot: Snapshot) -> dict[str, Tensor]:
    """Where all chance of all processes stood."""
    return {name: state for name, state in snapshot.tensors.items() if name.startswith("random/")}


def _chance_of(rank: int) -> str:
    return f"random/{rank}/" if rank else "random/"


def _brief(value: object) -> str:
    """A setting as it is, a hash by its first digits."""
    text = str(value)
    return text if len(text) < 64 else f"{text[:12]}…"


def _restore_optimizer(tensors: dict[str, Tensor], network: nn.Module, optimizer: Any) -> None:
    learning = trainable(network)
    memory = {
        key: _under(f"optimizer/{key}/", tensors) for key in ("step", "exp_avg", "exp_avg_sq")
    }
    laid = {
        key: kept if key == "step" else _laid_like(learning, kept) for key, kept in memory.items()
    }
    state = {
        index: {key: kept[name] for key, kept in laid.items()}
        for index, name in enumerate(learning)
        if name in laid["step"]
    }
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _laid_like(
    parameters: dict[str, nn.Parameter], tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Tensors in their parameters' order in memory: sums then round as they did before."""
    return {
        name: torch.empty_like(parameters[name], requires_grad=False).copy_(tensor)
        for name, tensor in tensors.items()
    }


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
