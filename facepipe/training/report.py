"""What a training tells: one report per epoch, telemetry lines, a summary."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias


@dataclass(frozen=True)
class EpochReport:
    """One finished epoch.

    Attributes:
        epoch: counted from 1.
        epochs: how many are asked for.
        losses: means over the epoch's steps: `loss`, `l1`, `ssim`, and further terms by name.
        held_out: the same and more on faces never trained on.
        is_best: the lowest held-out loss so far.
        seconds_per_step: measured; not the same twice.
        eta_s: seconds left at that pace.
        preview: the picture drawn after this epoch, if one was.
    """

    epoch: int
    epochs: int
    losses: dict[str, float]
    held_out: dict[str, float]
    is_best: bool
    seconds_per_step: float
    eta_s: float
    preview: Path | None = None


BEST_RULE = "the epoch with the lowest loss on held-out faces, the first of equals"
"""How `best/` is chosen."""
OnEpoch: TypeAlias = Callable[[EpochReport], None]


@dataclass(frozen=True)
class TrainingSummary:
    """A finished training.

    Attributes:
        epochs: epochs done in all, runs before this one counted in.
        steps: optimizer steps in all.
        history: one row per epoch, as in `history.jsonl`.
        best_epoch: the epoch of the lowest held-out loss, counted from 1.
        best: that epoch's held-out numbers.
        evaluation: what its weights draw, as in `evaluation.json`.
        trainable_params: numbers that learnt.
        total_params: numbers in the network.
        frames_used: faces trained on.
        seconds_per_step: of this run, NaN if it had no step to do; not the same twice.
        rollbacks: how often the training went back to an earlier state at half the rate.
        notes: what else happened, such as a damaged state passed over or a rank cut down.
    """

    epochs: int
    steps: int
    history: list[dict[str, float]]
    best_epoch: int
    best: dict[str, float]
    evaluation: dict[str, Any]
    trainable_params: int
    total_params: int
    frames_used: int
    seconds_per_step: float
    rollbacks: int = 0
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class RunFacts:
    """What every telemetry line of a run repeats."""

    frames_used: int
    batch_size: int
    device: str
    lora_rank: int
    trainable_params: int
    total_params: int


def telemetry_line(report: EpochReport, facts: RunFacts, loss_history: list[float]) -> str:
    """One JSON line with WatserFace's telemetry keys (its trainer's progress yields).

    The parts of the loss, and the terms beside it, come under their own names as well.
    """
    ended = report.epoch >= report.epochs
    return json.dumps(
        {
            "status": "complete" if ended else "training",
            "epoch": report.epoch,
            "total_epochs": report.epochs,
            **report.losses,
            "eta": spoken_time(report.eta_s),
            "frames_used": facts.frames_used,
            "batch_size": facts.batch_size,
            "device": facts.device,
            "lora_rank": facts.lora_rank,
            "trainable_params": facts.trainable_params,
            "total_params": facts.total_params,
            "overall_progress": report.epoch / report.epochs,
            "loss_history": loss_history,
            "seconds_per_step": report.seconds_per_step,
        }
    )


def spoken_time(seconds: float) -> str:
    """A time left, as people say it.

    >>> spoken_time(192)
    '3m 12s'
    >>> spoken_time(7384)
    '2h 3m'
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"


def history_lines(history: list[dict[str, float]]) -> str:
    """`history.jsonl`: a line per epoch, the same for the same training on the same machine."""
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in history)
