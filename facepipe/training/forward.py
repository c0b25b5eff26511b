"""The forward pass of a step: the network's own, recomputed, compiled, or shared by processes.

Whatever is chosen, the network itself, its parameters and their names stay as they are: held-out
faces are judged, and files written, without any of it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

from peft import PeftModel
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from facepipe.training.compiling import compiled
from facepipe.training.device import DeviceSettings
from facepipe.training.generator import StyledBlock
from facepipe.training.inswapper import RestyledBlock
from facepipe.training.ranks import ALONE, Ranks


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """What a step calls in place of the network, to the same effect.

    Attributes:
        network: what is called.
        ranks: the processes that take each step together.
    """

    network: nn.Module
    ranks: Ranks = ALONE

    def __call__(self, *inputs: Tensor) -> Any:
        """What the network makes of a batch's inputs."""
        return self.network(*inputs)

    def adding_up(self, is_last: bool) -> AbstractContextManager[None]:
        """Around one of the batches of a step: gradients of all processes meet in the last."""
        if is_last or not isinstance(self.network, DistributedDataParallel):
            return nullcontext()
        return self.network.no_sync()


def forward_pass(
    network: nn.Module,
    settings: DeviceSettings,
    ranks: Ranks,
    loss_of: Callable[[nn.Module], Tensor],
) -> ForwardPass:
    """The network's forward pass as the settings want it, for each of these processes.

    `loss_of` some batch is what a compiled network is tried with.

    Raises:
        SettingsError: A compiled network has other gradients.
    """
    # adapters are inside the generator: what PEFT has around it only passes calls on
    inner: nn.Module = network.get_base_model() if isinstance(network, PeftModel) else network
    if settings.checkpointing:
        recompute_blocks(inner)
    if settings.compile:
        inner = compiled(inner, loss_of)
    return ForwardPass(shared(inner) if ranks.count > 1 else inner, ranks)


def shared(network: nn.Module) -> nn.Module:
    """The network with its gradients averaged over all processes at each backward pass."""
    return DistributedDataParallel(
        network,
        forward_sync_buffers=False,  # pictures and meshes, which nobody changes
        # else DDP sorts gradients anew after its first step: three and more processes would then
        # add them up in another order after a resume than without one
        find_unused_parameters=True,
    )


def recompute_blocks(network: nn.Module) -> None:
    """Let the residual blocks forget what their backward pass needs, and compute it again there."""
    for block in network.modules():
        if isinstance(block, StyledBlock | RestyledBlock):
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
