"""A running average of the weights, judged and kept in place of the last step's."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

_EARLY = 16  # steps
_EVERY = 4


class RunningAverage:
    """Exponential average of a network's trainable weights.

    Early on it follows faster: after `n` steps the old counts at most `n / (n + 9)`, so that the
    random start is soon forgotten. After the sixteenth it takes in every fourth step alone, as
    much at once as four would, and is at most three steps behind: neighbouring steps differ
    little, and each look at all weights costs a hundredth of a step.

    Args:
        network: whose trainable weights are averaged.
        keep: share of the old at each step; 0 follows the weights exactly.

    Attributes:
        weights: the average.
        best: what it was after the best epoch; empty before the first.
    """

    def __init__(self, network: nn.Module, keep: float) -> None:
        self.keep = keep
        # looked for once: in a network with adapters that takes milliseconds
        self._learning = trainable(network)
        self.weights = {name: p.detach().clone() for name, p in self._learning.items()}
        self.best: dict[str, Tensor] = {}

    def follow(self, step: int) -> None:
        """Take in the network's weights after step `step`, counted from 1."""
        keep = min(self.keep, step / (step + 9))
        if keep and step > _EARLY:
            if step % _EVERY:
                return
            keep **= _EVERY
        averages = [self.weights[name] for name in self._learning]  # saved ones come in any order
        get_ema_multi_avg_fn(keep)(averages, [*self._learning.values()], step)

    def remember(self) -> None:
        """Make the present average the best."""
        self.best = {name: weight.clone() for name, weight in self.weights.items()}


@contextmanager
def shown(network: nn.Module, weights: dict[str, Tensor]) -> Generator[None]:
    """The network with other trainable weights in it; its own come back exactly."""
    own = {name: p.detach().clone() for name, p in trainable(network).items()}
    put(network, weights)
    try:
        yield
    finally:
        put(network, own)


def trainable(network: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def put(network: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy weights into the parameters of their names, keeping how these lie in memory."""
    parameters = trainable(network)
    with torch.no_grad():
        for name, weight in weights.items():
            parameters[name].copy_(weight)
