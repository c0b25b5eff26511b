"""How far a training is: the part of its state that JSON holds exactly."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from facepipe.training.schedule import Fall


@dataclass
class Progress:
    """Counts and history of a training; changed in place by its loop.

    Attributes:
        step: optimizer steps done.
        tried: the furthest step that was ever tried on the way here.
        fall: the fall of the rate that has begun; none while the rate holds.
        rate_scale: what rollbacks have left of the learning rate.
        rollbacks: how many there were.
        split: parts in which each batch goes through the network; 2 after memory ran out.
        stage: how many sets of data or settings it was trained on, one after the other.
        untrained: the held-out loss before the first step.
        sums: losses added up over the steps of the present epoch.
        counted: how many steps are in `sums`.
        history: a row per finished epoch.
        best_epoch: the epoch of the lowest held-out loss; 0 before the first.
        best: its held-out numbers.
        notes: what else decided the result.
    """

    step: int = 0
    tried: int = 0
    fall: Fall | None = None
    rate_scale: float = 1.0
    rollbacks: int = 0
    split: int = 1
    stage: int = 1
    untrained: float = math.inf
    sums: dict[str, float] = field(default_factory=dict[str, float])
    counted: int = 0
    history: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict[str, float])
    notes: list[str] = field(default_factory=list[str])

    def add(self, parts: dict[str, float]) -> None:
        """Count one step and its losses."""
        self.step += 1
        self.tried = max(self.tried, self.step)
        self.counted += 1
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def close_epoch(self, epoch: int, held_out: dict[str, float]) -> tuple[dict[str, float], bool]:
        """Add the epoch to the history; its mean losses, and whether it is the best so far."""
        losses = {name: total / self.counted for name, total in self.sums.items()}
        row = {f"held_out_{name}": value for name, value in held_out.items()}
        later = {"stage": self.stage} if self.stage > 1 else {}
        self.history.append({"epoch": epoch, **losses, **row, **later})
        self.sums, self.counted = {}, 0
        is_best = not self.best or held_out["loss"] < self.best["loss"]
        if is_best:
            self.best_epoch, self.best = epoch, held_out
        return losses, is_best

    def is_on_way_to(self, fall: Fall) -> bool:
        """Whether a training that ends with `fall`, done at once, would have come by here."""
        return self.tried <= fall.start if self.fall is None else self.fall == fall

    def as_record(self) -> dict[str, Any]:
        """For JSON, and back with `from_record`."""
        return asdict(self)

    @staticmethod
    def from_record(record: dict[str, Any]) -> "Progress":
        """What `as_record` gave."""
        progress = Progress(**record)
        if record["fall"] is not None:
            progress.fall = Fall(**record["fall"])
        return progress
