"""How far a training is: the part of its state that JSON holds exactly."""

from dataclasses import asdict, dataclass, field
from typing import Any

from facepipe.training.schedule import Stretch


@dataclass
class Progress:
    """Counts and history of a training; changed in place by its loop.

    Attributes:
        step: optimizer steps done.
        rate_scale: what rollbacks have left of the learning rate.
        rollbacks: how many there were.
        stretches: the learning rate's cosines.
        sums: losses added up over the steps of the present epoch.
        counted: how many steps are in `sums`.
        history: a row per finished epoch.
        best_epoch: the epoch of the lowest held-out loss; 0 before the first.
        best: its held-out numbers.
    """

    step: int = 0
    rate_scale: float = 1.0
    rollbacks: int = 0
    stretches: list[Stretch] = field(default_factory=list[Stretch])
    sums: dict[str, float] = field(default_factory=dict[str, float])
    counted: int = 0
    history: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    best_epoch: int = 0
    best: dict[str, float] = field(default_factory=dict[str, float])

    def add(self, parts: dict[str, float]) -> None:
        """Count one step and its losses."""
        self.step += 1
        self.counted += 1
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def close_epoch(self, epoch: int, held_out: dict[str, float]) -> tuple[dict[str, float], bool]:
        """Add the epoch to the history; its mean losses, and whether it is the best so far."""
        losses = {name: total / self.counted for name, total in self.sums.items()}
        row = {f"held_out_{name}": value for name, value in held_out.items()}
        self.history.append({"epoch": epoch, **losses, **row})
        self.sums, self.counted = {}, 0
        is_best = not self.best or held_out["loss"] < self.best["loss"]
        if is_best:
            self.best_epoch, self.best = epoch, held_out
        return losses, is_best

    def as_record(self) -> dict[str, Any]:
        """For JSON, and back with `from_record`."""
        return asdict(self)

    @staticmethod
    def from_record(record: dict[str, Any]) -> "Progress":
        """What `as_record` gave."""
        progress = Progress(**record)
        progress.stretches = [(first, end) for first, end in progress.stretches]
        return progress
