"""What the UI shows of a finished training, and whether an adapter swaps at all."""

import json
from pathlib import Path
from typing import Any

import dagster as dg

from facepipe.defs import previews
from facepipe.defs.curves import curves
from facepipe.errors import BadInputError
from facepipe.training.guard import advice, is_swapped

_CLOSER = "closer_to_identity"
_CURVES = {
    "loss_curve": ("loss", "held_out_loss"),
    "terms_curve": ("identity", "adversarial", "discriminator"),
    "similarity_curve": ("held_out_similarity_to_identity", "held_out_similarity_to_target"),
}


def describe_training(folder: Path) -> dict[str, Any]:
    """Curves, held-out numbers, how the best was chosen, and what it drew on the way."""
    history = read_history(folder / "history.jsonl")
    evaluation: dict[str, Any] = json.loads((folder / "evaluation.json").read_text())
    found: dict[str, Any] = {
        **history[-1],
        **_sizes(folder),
        **{name: evaluation[name] for name in ("best_epoch", "best_rule")},
        **{f"best_{name}": value for name, value in evaluation["drawn"].items()},
        "evaluation": dg.MetadataValue.json(evaluation),
    }
    for title, names in _CURVES.items():
        lines_drawn = {name: _curve(history, name) for name in names}
        if any(lines_drawn.values()):
            found[title] = curves(lines_drawn, "epochs")
    shown = sorted((folder / "previews").glob("*.png"))
    return {
        **found,
        "preview": previews.picture_file(shown[-1]),
        "timelapse": previews.animation(shown),
    }


def read_history(path: Path) -> list[dict[str, float]]:
    """The epochs of a training, one JSON object a line.

    Raises:
        BadInputError: There is none, or a line is damaged.
    """
    try:
        history = [json.loads(line) for line in path.read_text().splitlines()]
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: no history that can be read; train again") from error
    if not history or not all(isinstance(row, dict) for row in history):
        raise BadInputError(f"{path}: no history of a training; train again")
    return history


def closer_spec() -> dg.AssetCheckSpec:
    """The check that an adapter draws the identity and not the target."""
    return dg.AssetCheckSpec(
        _CLOSER,
        asset=["pair", "lora_checkpoint"],
        description="On held-out frames the swap is closer to the identity than to the target.",
    )


def closer_check(metadata: dict[str, Any]) -> list[dg.AssetCheckResult]:
    """Whether it does, and what to try if not; from the metadata of `describe_training`."""
    evaluation = metadata["evaluation"]
    measured = ("similarity_to_identity", "similarity_to_target", "closer_to_identity_share")
    said = advice(evaluation)
    return [
        dg.AssetCheckResult(
            check_name=_CLOSER,
            passed=is_swapped(evaluation),
            severity=dg.AssetCheckSeverity.WARN,
            description=said or None,
            metadata={name: evaluation["drawn"][name] for name in measured},
        )
    ]


def _sizes(folder: Path) -> dict[str, Any]:
    """How many numbers learnt, and what share of the network's they are."""
    told = json.loads((folder / "telemetry.jsonl").read_text().splitlines()[-1])
    learnt, all_of_them = told["trainable_params"], told["total_params"]
    return {"trainable_params": learnt, "trainable_share": learnt / all_of_them}


def _curve(history: list[dict[str, float]], name: str) -> dict[float, float]:
    return {row["epoch"]: row[name] for row in history if name in row}
