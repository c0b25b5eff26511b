"""The processes that train one network together, and what they agree on.

Without a process group there is one process, and everything here costs nothing.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

from facepipe.errors import SettingsError
from facepipe.training.device import DeviceSettings, chosen_device

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """The processes of a training, as one of them sees them.

    Attributes:
        rank: the number of this one; 0 is the first, which alone writes files and tells anybody.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def pinned(self) -> dict[str, int]:
        """What a state cannot be used without: the more processes, the larger a step's batch."""
        return {"processes": self.count} if self.count > 1 else {}

    def any(self, flag: bool) -> bool:
        """Whether one of them says so; all come to the same answer."""
        if self.count == 1:
            return flag
        said = torch.tensor(int(flag))
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said)

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean of each number over all of them."""
        if self.count == 1:
            return values
        total = torch.tensor([*values.values()], dtype=torch.float64)
        dist.all_reduce(total)
        return dict(zip(values, (total / self.count).tolist(), strict=True))

    def average_gradients(self, network: nn.Module) -> None:
        """Give a small network, whose gradients nobody waits for, their mean over all of them."""
        for weight in network.parameters() if self.count > 1 else ():
            if weight.grad is not None:
                dist.all_reduce(weight.grad)
                weight.grad /= self.count

    def told(self, make: Callable[[], T]) -> T:
        """What the first makes, told to the others."""
        if self.count == 1:
            return make()
        found: list[T | None] = [make() if self.is_first else None]
        dist.broadcast_object_list(found)
        (result,) = found
        return result  # pyright: ignore[reportReturnType]

    def gathered(self, value: T) -> list[T]:
        """What each of them has, by rank."""
        if self.count == 1:
            return [value]
        found: list[T] = [value] * self.count
        dist.all_gather_object(found, value)
        return found

    def leading(self, first: Callable[[], T], then: Callable[[], T]) -> T:
        """`first` in the first of them; once it is done, `then` in the others."""
        if self.is_first:
            result = first()
            self.wait()
            return result
        self.wait()
        return then()

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            dist.all_reduce(torch.zeros(1))  # a barrier would take the GPU, and an id for it


ALONE = Ranks()
"""One process by itself."""


def present_ranks() -> Ranks:
    """Those of the process group that this process is in, if it is in one."""
    if dist.is_available() and dist.is_initialized():
        return Ranks(dist.get_rank(), dist.get_world_size())
    return ALONE


def check_processes(settings: DeviceSettings, count: int) -> None:
    """Whether so many processes can train together here.

    Raises:
        SettingsError: There are fewer GPUs, or none that can.
    """
    device = chosen_device(settings)
    if device == "mps":
        raise SettingsError(f"processes is {count} and the device mps; 1 is needed there")
    if device == "cuda" and torch.cuda.device_count() < count:
        raise SettingsError(
            f"processes is {count}; each needs a GPU, and this machine has "
            f"{torch.cuda.device_count()}"
        )


@contextmanager
def process_group(settings: DeviceSettings) -> Generator[None]:
    """Join the processes that torchrun started beside this one.

    Numbers and flags go through gloo on the CPU, which notices at once when a process is gone;
    gradients on GPUs through NCCL, which waits for it.
    """
    on_gpus = chosen_device(settings) == "cuda"
    if on_gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpus else "gloo")
    yield
    dist.destroy_process_group()  # only where all went well: else it would wait for the others
