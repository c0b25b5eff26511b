"""LoRA adapters on an identity model, in PEFT's file format, pinned to their base by hash."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import safetensors
import safetensors.torch
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.save_and_load import get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor, nn

from facepipe.errors import ModelFileError, SettingsError
from facepipe.files import write_whole
from facepipe.training.checkpoint import (
    AnyGenerator,
    architecture_of,
    load_generator,
    weights_digest,
)

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PIN = "sha256:"
_MARKS = {"compact": "stem", "inswapper": "up"}
"""A part that only networks of this architecture have."""


def add_adapter(
    base: AnyGenerator, base_digest: str, config: LoraConfig, seed: int = 0
) -> PeftModel:
    """The frozen base with adapters that change nothing yet; random parts depend on `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = get_peft_model(base, config)
    # PEFT fills this in from the base, which has no name: only now is it ours to set
    model.peft_config["default"].base_model_name_or_path = _PIN + base_digest
    return model


def adapter_config(
    base: AnyGenerator,
    rank: int,
    alpha: int,
    dropout: float,
    part_ranks: Mapping[str, int] = MappingProxyType({}),
    dora: bool = False,
) -> LoraConfig:
    """Adapters on every convolution and linear layer but those that end in pictures.

    Those have few outputs: a low rank changes nothing there that the layers before them cannot.
    `part_ranks` gives the layers under such a name, as in `blocks` or `blocks.0`, another rank.
    Where a rank is more than a layer's weights can have, it gets as much as they can.

    Raises:
        SettingsError: The network has no such part.
    """
    layers = _layers(base)
    for part in part_ranks:
        if not any(_is_in(name, part) for name in layers):
            known = ", ".join(dict.fromkeys(name.partition(".")[0] for name in layers))
            raise SettingsError(f"rank_pattern names {part!r}; the network's parts: {known}")
    ranks = {name: least for name, (_, least) in _ranks(base, rank, part_ranks).items()}
    own = {name: least for name, least in ranks.items() if least != rank}
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        use_dora=dora,
        target_modules=[*layers],
        rank_pattern=own,
        # so that what a layer adds is scaled by alpha / rank everywhere
        alpha_pattern={name: alpha * most / rank for name, most in own.items()},
    )


def rank_notes(base: AnyGenerator, rank: int, part_ranks: Mapping[str, int]) -> list[str]:
    """A line that names the layers whose rank was cut down, if there are any."""
    ranks = _ranks(base, rank, part_ranks).items()
    cuts = ", ".join(f"{name} ({least})" for name, (asked, least) in ranks if least < asked)
    return [f"the rank asked for is more than these layers allow: {cuts}"] if cuts else []


def _layers(base: AnyGenerator) -> dict[str, nn.Conv2d | nn.Linear]:
    return {
        name: part
        for name, part in base.named_modules()
        if isinstance(part, nn.Conv2d | nn.Linear) and part not in base.heads
    }


def _ranks(
    base: AnyGenerator, rank: int, part_ranks: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """The rank asked for of each layer, and what it gets."""
    asked = {name: _rank_of(name, rank, part_ranks) for name in _layers(base)}
    return {
        name: (asked[name], min(asked[name], _largest_rank(part)))
        for name, part in _layers(base).items()
    }


def _rank_of(layer: str, rank: int, part_ranks: Mapping[str, int]) -> int:
    """What the longest name that the layer lies under asks for."""
    parts = [part for part in part_ranks if _is_in(layer, part)]
    return part_ranks[max(parts, key=len)] if parts else rank


def _is_in(layer: str, part: str) -> bool:
    return f"{layer}.".startswith(f"{part}.")


def _largest_rank(layer: nn.Conv2d | nn.Linear) -> int:
    """Of the layer's weights as a matrix, outputs by inputs: no change of them has a higher one."""
    return min(len(layer.weight), layer.weight[0].numel())


def save_adapter(folder: Path, model: PeftModel) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors`, the same bytes every time.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    for name, content in adapter_files(model).items():
        write_whole(folder / name, content)


def adapter_files(model: PeftModel) -> dict[str, bytes]:
    """The adapter's two files, by name."""
    config = model.peft_config["default"].to_dict()
    # PEFT keeps the layers in a set, whose order changes from process to process
    config["target_modules"] = sorted(config["target_modules"])
    config["inference_mode"] = True
    plain = {name: getattr(value, "value", value) for name, value in config.items()}
    described = json.dumps(plain, indent=1, sort_keys=True) + "\n"
    # our layers hold no vocabulary; asked to look, PEFT would look for one on the network
    learnt = get_peft_model_state_dict(model, save_embedding_layers=False)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in learnt.items()}
    content = safetensors.torch.save(weights, metadata={"format": "pt"})
    return {CONFIG: described.encode(), WEIGHTS: content}


def load_adapter(base: Path, adapter: Path) -> PeftModel:
    """The adapter on its base, on the CPU, ready to draw.

    Raises:
        ModelFileError: A file is missing or damaged, or the adapter belongs to another base.
    """
    found = weights_digest(base)
    try:
        described = json.loads((adapter / CONFIG).read_text())
        pinned = str(described["base_model_name_or_path"]).removeprefix(_PIN)
        weights = safetensors.torch.load_file(adapter / WEIGHTS)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise ModelFileError(f"{adapter} holds no usable adapter ({error})") from error
    network = load_generator(base)
    _check_architecture(adapter, described.get("target_modules") or [], base, network)
    if pinned != found:
        raise ModelFileError(
            f"{adapter} was trained on the identity model with sha256 {pinned}; "
            f"the one in {base} has {found}: train the adapter again on that one"
        )
    described["base_model_name_or_path"] = None  # else PEFT warns that the base has no such name
    config = LoraConfig.from_peft_type(**described)
    if not isinstance(config, LoraConfig):
        raise ModelFileError(f"{adapter} is a {type(config).__name__}; a LoRA is needed")
    model = add_adapter(network, found, config)
    set_peft_model_state_dict(model, weights)
    return model.eval()


def _check_architecture(
    adapter: Path, layers: list[str], base: Path, network: AnyGenerator
) -> None:
    """Say so where a network of another kind was adapted: its hash alone would not tell."""
    own = architecture_of(network)
    adapted = [kind for kind, part in _MARKS.items() if any(_is_in(name, part) for name in layers)]
    if adapted and own not in adapted:
        raise ModelFileError(
            f"{adapter} adapts a network of the architecture {adapted[0]}, and the identity model "
            f"in {base} is {own}: train the adapter again on that one"
        )


def merged(model: PeftModel) -> AnyGenerator:
    """The base with the adapter's change added to its weights.

    Raises:
        ModelFileError: The base is not a generator.
    """
    network: object = model.merge_and_unload()
    if not isinstance(network, AnyGenerator):
        raise ModelFileError(f"the base is a {type(network).__name__}; a generator is needed")
    return network.eval()


def put_change(model: PeftModel, change: Mapping[str, Tensor]) -> None:
    """Make a LoRA whose alpha is its rank the nearest to a change that its ranks allow.

    `change` goes by the name of the base's weights; what is missing there stays as it is.
    """
    learnt: dict[str, Tensor] = dict(model.named_parameters())
    for name, before in learnt.items():
        layer, found, _ = name.removeprefix("base_model.model.").partition(".lora_A.")
        wanted = change.get(f"{layer}.weight")
        if found and wanted is not None:
            after = learnt[name.replace(".lora_A.", ".lora_B.")]
            left, size, right = torch.linalg.svd(wanted.flatten(1), full_matrices=False)
            root = size[: len(before)].sqrt()
            after.data = (left[:, : len(before)] * root).reshape(after.shape)
            before.data = (root[:, None] * right[: len(before)]).reshape(before.shape)
