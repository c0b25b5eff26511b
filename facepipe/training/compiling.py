"""The compiled forward and backward pass of a network, believed only after a look at it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from facepipe.errors import SettingsError
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.task import Task

_FAR = 0.5  # of a gradient's length: wrong ones were off by 0.8 to 2 of theirs
_COUNTS = 0.01  # of the longest gradient: shorter ones may be nothing but rounding


def compiled(network: nn.Module, loss_of: Callable[[nn.Module], Tensor]) -> nn.Module:
    """The network with its passes compiled, if it then learns what it would learn without.

    Args:
        network: what is compiled; itself it stays as it is.
        loss_of: the loss of some batch, the same whenever it is asked for.

    Raises:
        SettingsError: The compiled network has other gradients.
    """
    # one kernel for each size of a batch: one for all sizes would depend on which came first
    found: Any = torch.compile(network, dynamic=False)
    plain, other = (_gradients(network, partial(loss_of, each)) for each in (network, found))
    odd = _different(plain, other)
    if odd:
        raise SettingsError(
            f"compile gives {odd[0]} and {len(odd) - 1} others of the network's weights another "
            f"gradient than they have, with torch {torch.__version__}; set it to false"
        )
    return found


def trial_loss(
    task: Task, settings: LoopSettings, accelerator: Accelerator
) -> Callable[[nn.Module], Tensor]:
    """The loss of a network on the same of the task's faces each time."""

    def loss_of(network: nn.Module) -> Tensor:
        batch = task.batch(torch.Generator().manual_seed(settings.seed))
        with accelerator.autocast():
            drawn = network(*batch.inputs)
        return task.losses(drawn, batch)["loss"]

    return loss_of


def _gradients(network: nn.Module, loss: Callable[[], Tensor]) -> dict[str, Tensor]:
    learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
    gpus = [p.device for p in learning.values() if p.is_cuda][:1]
    with torch.random.fork_rng(
        devices=gpus
    ):  # the same dropout for both, and none of the training's chance
        torch.manual_seed(0)
        found = torch.autograd.grad(loss(), [*learning.values()])
    return dict(zip(learning, found, strict=True))


def _different(plain: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    lengths = {name: float(gradient.norm()) for name, gradient in plain.items()}
    least = _COUNTS * max(lengths.values())
    return [
        name
        for name, length in lengths.items()
        if length >= least and not float((other[name] - plain[name]).norm()) <= _FAR * length
    ]
