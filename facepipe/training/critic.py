"""A second network that learns to tell drawn faces from wanted ones: the adversarial term.

It sees patches of 38 px (Isola et al. 2017, arXiv 1611.07004), so that it judges skin, lashes and
teeth, not who it is. Each layer's weights are divided by their largest singular value, and it
learns by the hinge loss (Miyato et al. 2018, arXiv 1802.05957): its verdict then never changes
faster than the picture, and it needs no second gradient to stay tame.
"""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from facepipe.training.generator import Drawing
from facepipe.training.loop_settings import LoopSettings
from facepipe.training.losses import Batch, shown_faces
from facepipe.training.settings import TrainingSettings

_WIDTH = 32
_RATE = 4e-4  # what Heusel et al. 2017 (arXiv 1706.08500) give the judge of such a pair
_BETAS = (0.0, 0.9)  # without momentum, which overshoots where the other side moves as well


class PatchNetwork(nn.Module):
    """Pictures `(N, 3, S, S)` in 0..1 to verdicts `(N, 1, S / 8, S / 8)`: above 0 for wanted."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, _WIDTH, 2 * _WIDTH, 4 * _WIDTH)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [_tamed(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, _tamed(nn.Conv2d(widths[-1], 1, 3, 1, 1)))

    def forward(self, rgb: Tensor) -> Tensor:
        """The verdict on each patch."""
        return self.layers(rgb * 2 - 1)


class Critic:
    """The second network, its optimizer, and its part in a step.

    What is wanted is shown in the same pose and light as what was drawn, so that nothing but how
    it is drawn tells them apart. Faces that are not drawn count 0, as in the other terms.

    Args:
        settings: the seed of its weights, the rate whose warming up and falling it follows, and
            its weight in the objective.
        device: where the faces are.
    """

    def __init__(self, settings: TrainingSettings, device: torch.device) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = PatchNetwork().eval().to(device)
        self.usual_rate, self.weight = settings.learning_rate, settings.adversarial
        self.optimizer = torch.optim.Adam(self.network.parameters(), _RATE, betas=_BETAS)

    def begin(self, rate: float) -> None:
        """Forget the last step's gradients; `rate` is what the drawing network learns with."""
        self.optimizer.zero_grad()
        for group in self.optimizer.param_groups:
            group["lr"] = _RATE * rate / self.usual_rate

    def deceived(self, drawing: Drawing, batch: Batch) -> Tensor:
        """The term `adversarial`: the lower, the more the drawn faces pass for wanted ones."""
        with _frozen(self.network):
            verdict = self.network(shown_faces(drawing, batch)[batch.drawn])
        return -verdict.mean((1, 2, 3)).sum() / len(batch.target)

    def learn(self, drawing: Drawing, batch: Batch, share: float) -> Tensor:
        """Add up gradients of this share of a step; its loss, 2 where it cannot tell anything."""
        drawn = batch.drawn
        verdict = self.network(
            torch.cat([batch.wanted[drawn], shown_faces(drawing, batch).detach()[drawn]])
        )
        wanted, made = verdict.chunk(2)
        off = (1 - wanted).relu() + (1 + made).relu()
        loss = off.mean((1, 2, 3)).sum() / len(batch.target)
        torch.autograd.backward(loss * share)
        return loss.detach()

    def step(self) -> None:
        """Learn from the gradients, and follow the weights' largest singular values."""
        self.optimizer.step()
        # once a step and not at each pass: a batch in parts is then judged as it is whole
        self.network.train()
        with torch.no_grad():
            for layer in self.network.layers:
                getattr(layer, "weight", None)
        self.network.eval()

    def tensors(self) -> dict[str, Tensor]:
        """Everything its next step depends on."""
        memories = self.optimizer.state_dict()["state"]
        return {f"weights/{name}": held for name, held in self.network.state_dict().items()} | {
            f"optimizer/{key}/{index}": held
            for index, memory in memories.items()
            for key, held in memory.items()
        }

    def put(self, tensors: dict[str, Tensor]) -> None:
        """Take up what `tensors` gave."""
        memories: dict[int, dict[str, Tensor]] = {}
        weights: dict[str, Tensor] = {}
        for name, held in tensors.items():
            part, _, rest = name.partition("/")
            if part == "weights":
                weights[rest] = held
            else:
                key, _, index = rest.partition("/")
                memories.setdefault(int(index), {})[key] = held
        self.network.load_state_dict(weights)
        groups: Any = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": memories, "param_groups": groups})


def critic_of(settings: LoopSettings, device: torch.device) -> Critic | None:
    """The second network, where faces are drawn and `settings.adversarial` asks for it."""
    if not isinstance(settings, TrainingSettings) or not settings.adversarial:
        return None
    return Critic(settings, device)


def _tamed(layer: nn.Conv2d) -> nn.Module:
    return parametrizations.spectral_norm(layer)


@contextmanager
def _frozen(network: nn.Module) -> Generator[None]:
    """Let gradients through to what is looked at, and none into the network."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
