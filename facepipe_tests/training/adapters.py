"""Identity models and adapters with random weights, made in milliseconds."""

from pathlib import Path

import torch
from torch.nn.functional import interpolate, normalize

from facepipe.training.adapter import adapter_config, add_adapter, save_adapter
from facepipe.training.checkpoint import load_generator, save_generator, weights_digest
from facepipe.training.generator import GeneratorSettings
from facepipe.training.identity_model import seeded_generator

SHAPE = GeneratorSettings(width=4, blocks=1, textures=2)


def random_base(folder: Path, seed: int = 0) -> Path:
    """An identity model that nobody trained."""
    network = seeded_generator(SHAPE, seed)
    chance = torch.Generator().manual_seed(seed)
    patches = 255 * torch.rand(len(network.textures), 3, 8, 8, generator=chance)
    network.textures.copy_(interpolate(patches, network.textures.shape[-2:], mode="bilinear"))
    network.usual.data = 0.5 * torch.randn(network.usual.shape, generator=chance)
    save_generator(folder, network, SHAPE)
    return folder


def random_adapter(
    folder: Path, base: Path, seed: int, rank=2, alpha=4, part_ranks=None, dora=False
) -> Path:
    """An adapter that changes every layer it is on."""
    network = load_generator(base)
    config = adapter_config(network, rank, alpha, 0.1, part_ranks or {}, dora)
    model = add_adapter(network, weights_digest(base), config, seed)
    chance = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            p.data = 0.1 * torch.randn(p.shape, generator=chance)
        elif "lora_magnitude" in name:
            p.data = p.data * (1 + 0.3 * torch.randn(p.shape, generator=chance))
    save_adapter(folder, model)
    return folder


def some_faces(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Random targets `(N, 3, 128, 128)` and people `(N, 512)`."""
    chance = torch.Generator().manual_seed(9)
    people = torch.randn(count, 512, generator=chance)
    target = torch.rand(count, 3, 128, 128, generator=chance)
    return target, normalize(people, dim=1)
