"""The next step's faces are made while the present ones are learnt from."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
from torch import Tensor


def has_free_core(device: torch.device, processes: int) -> bool:
    """Whether a thread can work beside a step on `device` without waiting for the same cores.

    Where torch computes on all of them, each operation would wait for the share of the core that
    makes the batch, and longer than to make it between two steps takes. So many processes take
    the step together, each with as many threads as this one.
    """
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return device.type != "cpu" or torch.get_num_threads() * processes < cores


class _Made(NamedTuple):
    """What was drawn, and where all chance stood before and after."""

    before: Tensor
    after: Tensor
    batch: Any


class Ahead:
    """Draws batches in a thread, one ahead, as if each were drawn when it is asked for.

    A batch that was drawn ahead counts only where the generator stands as it then did: whoever
    goes back to an earlier state, or saves the present one, needs to know nothing of it.

    Args:
        draw: makes a batch; all chance is taken from the generator it is given.
    """

    def __init__(self, draw: Callable[[torch.Generator], Any]) -> None:
        self._draw = draw
        # one thread of torch's own: the cores belong to the step
        self._thread = ThreadPoolExecutor(1, "batches", torch.set_num_threads, (1,))
        self._next: Future[_Made] | None = None

    def draw(self, generator: torch.Generator) -> Any:
        """The batch that `generator` gives now, which moves on by it."""
        state = generator.get_state()
        made = self._next.result() if self._next else None
        if made is None or not torch.equal(made.before, state):
            made = self._thread.submit(self._make, state).result()
        self._next = self._thread.submit(self._make, made.after)
        generator.set_state(made.after)
        return made.batch

    def close(self) -> None:
        """Wait for what is being drawn, and forget it."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._next = None

    def _make(self, before: Tensor) -> _Made:
        generator = torch.Generator()
        generator.set_state(before)
        batch = self._draw(generator)
        return _Made(before, generator.get_state(), batch)
