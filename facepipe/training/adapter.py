"""LoRA adapters on an identity model, in PEFT's file format, pinned to their base by hash."""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.save_and_load import get_peft_model_state_dict, set_peft_model_state_dict
from torch import nn

from facepipe.errors import ModelFileError
from facepipe.files import write_whole
from facepipe.training.checkpoint import AnyGenerator, load_generator, weights_digest

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_PIN = "sha256:"


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


def adapter_config(base: AnyGenerator, rank: int, alpha: int, dropout: float) -> LoraConfig:
    """Adapters on every convolution and linear layer but those that end in pictures.

    Those have few outputs: a low rank changes nothing there that the layers before them cannot.
    Where `rank` is more than a layer's weights can have, it gets as much as they can.
    """
    layers = {
        name: part
        for name, part in base.named_modules()
        if isinstance(part, nn.Conv2d | nn.Linear) and part not in base.heads
    }
    largest = {name: _largest_rank(part) for name, part in layers.items()}
    cut = {name: most for name, most in largest.items() if most < rank}
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=[*layers],
        rank_pattern=cut,
        # so that what a layer adds is scaled by alpha / rank everywhere
        alpha_pattern={name: alpha * most / rank for name, most in cut.items()},
    )


def rank_notes(config: LoraConfig) -> list[str]:
    """A line that names the layers whose rank was cut down, if there are any."""
    cuts = ", ".join(f"{name} ({rank})" for name, rank in (config.rank_pattern or {}).items())
    return [f"rank {config.r} is more than these layers allow: {cuts}"] if cuts else []


def _largest_rank(layer: nn.Conv2d | nn.Linear) -> int:
    """Of the layer's weights as a matrix, outputs by inputs: no change of them has a higher one."""
    return min(len(layer.weight), layer.weight[0].numel())


def save_adapter(folder: Path, model: PeftModel) -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors`, the same bytes every time.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    config = model.peft_config["default"].to_dict()
    # PEFT keeps the layers in a set, whose order changes from process to process
    config["target_modules"] = sorted(config["target_modules"])
    config["inference_mode"] = True
    plain = {name: getattr(value, "value", value) for name, value in config.items()}
    write_whole(folder / CONFIG, json.dumps(plain, indent=1, sort_keys=True) + "\n")
    # our layers hold no vocabulary; asked to look, PEFT would look for one on the network
    learnt = get_peft_model_state_dict(model, save_embedding_layers=False)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in learnt.items()}
    write_whole(folder / WEIGHTS, safetensors.torch.save(weights, metadata={"format": "pt"}))


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
    if pinned != found:
        raise ModelFileError(
            f"{adapter} was trained on the identity model with sha256 {pinned}; "
            f"the one in {base} has {found}"
        )
    described["base_model_name_or_path"] = None  # else PEFT warns that the base has no such name
    config = LoraConfig.from_peft_type(**described)
    if not isinstance(config, LoraConfig):
        raise ModelFileError(f"{adapter} is a {type(config).__name__}; a LoRA is needed")
    model = add_adapter(load_generator(base), found, config)
    set_peft_model_state_dict(model, weights)
    return model.eval()


def merged(model: PeftModel) -> AnyGenerator:
    """The base with the adapter's change added to its weights.

    Raises:
        ModelFileError: The base is not a generator.
    """
    network: object = model.merge_and_unload()
    if not isinstance(network, AnyGenerator):
        raise ModelFileError(f"the base is a {type(network).__name__}; a generator is needed")
    return network.eval()
