"""What a training writes down besides its states: history, telemetry, previews, evaluation."""

import json
from pathlib import Path
from typing import Any

from facepipe.arrays import RgbImage
from facepipe.files import storage_errors, write_whole
from facepipe.training.grids import save_png
from facepipe.training.report import history_lines


class Diary:
    """`history.jsonl`, `telemetry.jsonl`, `previews/` and `evaluation.json` in a folder.

    Args:
        folder: the scratch folder of the training.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.telemetry = folder / "telemetry.jsonl"

    def back_to(self, epoch: int, history: list[dict[str, float]]) -> None:
        """Take out what was written of later epochs, which come again."""
        self.write_history(history)
        told = self.telemetry.read_text().splitlines() if self.telemetry.is_file() else []
        kept = [line for line in told if _epoch_of(line) <= epoch]
        if kept != told:
            write_whole(self.telemetry, "".join(f"{line}\n" for line in kept))
        for preview in (self.folder / "previews").glob("epoch_*.png"):
            if preview > self._preview(epoch):
                preview.unlink()

    def write_history(self, history: list[dict[str, float]]) -> None:
        """A row for each epoch."""
        write_whole(self.folder / "history.jsonl", history_lines(history))

    def write_evaluation(self, evaluation: dict[str, Any]) -> None:
        """What the best weights draw."""
        text = json.dumps(evaluation, indent=1, sort_keys=True) + "\n"
        write_whole(self.folder / "evaluation.json", text)

    def tell(self, line: str) -> None:
        """Add a line of telemetry."""
        with storage_errors(self.telemetry), self.telemetry.open("a") as file:
            file.write(line + "\n")

    def show(self, epoch: int, picture: RgbImage) -> Path:
        """Write a preview; its path."""
        path = self._preview(epoch)
        save_png(path, picture)
        return path

    def _preview(self, epoch: int) -> Path:
        return self.folder / "previews" / f"epoch_{epoch:04d}.png"


def _epoch_of(line: str) -> float:
    """Of a telemetry line; infinite for one that a kill cut short."""
    try:
        return float(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
