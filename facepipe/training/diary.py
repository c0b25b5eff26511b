"""What a training writes down besides its states: history, telemetry, previews, evaluation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facepipe.arrays import RgbImage
from facepipe.files import storage_errors, write_whole
from facepipe.media.animation import animated_webp
from facepipe.media.png import save_png
from facepipe.training.board import Board
from facepipe.training.report import BEST_RULE, history_lines

TIMELAPSE = "timelapse.webp"
_SHOWN_S = 0.5


class Diary:
    """`history.jsonl`, `telemetry.jsonl`, `previews/`, `evaluation.json`, `tensorboard/`.

    Args:
        folder: the scratch folder of the training.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.telemetry = folder / "telemetry.jsonl"
        self.board = Board(folder)

    def back_to(self, epoch: int, history: list[dict[str, float]]) -> None:
        """Take out what was written of later epochs, which come again."""
        self.board.back_to(epoch)
        self._write_history(history)
        told = self.telemetry.read_text().splitlines() if self.telemetry.is_file() else []
        kept = [line for line in told if _epoch_of(line) <= epoch]
        if kept != told:
            write_whole(self.telemetry, "".join(f"{line}\n" for line in kept))
        for preview in (self.folder / "previews").glob("epoch_*.png"):
            if preview > self._preview(epoch):
                preview.unlink()

    def add(self, history: list[dict[str, float]]) -> None:
        """Write the history, whose last row is new."""
        self._write_history(history)
        self.board.tell(history[-1])

    def write_evaluation(
        self, best_epoch: int, drawn: dict[str, float], wanted: dict[str, float]
    ) -> dict[str, Any]:
        """Write how good the best weights' faces are, beside what is wanted; what was written."""
        evaluation = {
            "best_epoch": best_epoch,
            "best_rule": BEST_RULE,
            "drawn": drawn,
            "wanted": wanted,
        }
        text = json.dumps(evaluation, indent=1, sort_keys=True) + "\n"
        write_whole(self.folder / "evaluation.json", text)
        return evaluation

    def tell(self, line: str) -> None:
        """Add a line of telemetry."""
        with storage_errors(self.telemetry), self.telemetry.open("a") as file:
            file.write(line + "\n")

    def show(self, epoch: int, picture: RgbImage) -> Path:
        """Write a preview; its path."""
        path = self._preview(epoch)
        save_png(path, picture)
        self.board.show(epoch, picture)
        return path

    def write_timelapse(self) -> None:
        """All previews, one after the other, as `previews/timelapse.webp`."""
        shown = sorted((self.folder / "previews").glob("epoch_*.png"))
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in shown]
        write_whole(self.folder / "previews" / TIMELAPSE, animated_webp(pictures, _SHOWN_S))

    def close(self) -> None:
        """Write what is left."""
        self.board.close()

    def _write_history(self, history: list[dict[str, float]]) -> None:
        write_whole(self.folder / "history.jsonl", history_lines(history))

    def _preview(self, epoch: int) -> Path:
        return self.folder / "previews" / f"epoch_{epoch:04d}.png"


class NoDiary(Diary):
    """What a process writes down that trains beside the one who does: nothing."""

    def __init__(self) -> None:
        super().__init__(Path())

    def back_to(self, epoch: int, history: list[dict[str, float]]) -> None:
        """Nothing was written."""

    def add(self, history: list[dict[str, float]]) -> None:
        """Write nothing."""

    def tell(self, line: str) -> None:
        """Write nothing."""


def _epoch_of(line: str) -> float:
    """Of a telemetry line; infinite for one that a kill cut short."""
    try:
        return float(json.loads(line)["epoch"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
