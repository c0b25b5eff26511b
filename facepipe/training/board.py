"""The history once more as TensorBoard reads it."""

from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from facepipe.arrays import RgbImage
from facepipe.files import storage_errors

FOLDER = "tensorboard"
_NO_CURVES = ("epoch", "stage")


class Board:
    """TensorBoard event files in a folder; their names and times differ from run to run.

    Args:
        folder: of the training; the files lie in its `tensorboard/`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self._from_epoch = 0
        self._open: Any = None

    def back_to(self, epoch: int) -> None:
        """Let what was told of later epochs be forgotten: they come again."""
        self.close()
        self._from_epoch = epoch + 1

    def tell(self, row: dict[str, float]) -> None:
        """Add an epoch of the history."""
        with storage_errors(self.folder):
            for name, value in row.items():
                if name not in _NO_CURVES:
                    held_out = name.startswith("held_out_")
                    tag = f"{'held_out' if held_out else 'train'}/{name.removeprefix('held_out_')}"
                    self._writer().add_scalar(tag, value, int(row["epoch"]))
            self._writer().flush()

    def show(self, epoch: int, picture: RgbImage) -> None:
        """Add a preview `(H, W, 3)`."""
        with storage_errors(self.folder):
            self._writer().add_image("preview", picture, epoch, dataformats="HWC")

    def close(self) -> None:
        """Write what is left; more may be told afterwards."""
        if self._open is not None:
            with storage_errors(self.folder):
                self._open.close()
            self._open = None

    def _writer(self) -> Any:
        if self._open is None:
            # TensorBoard then hides what earlier files say of these epochs
            self._open = SummaryWriter(str(self.folder), purge_step=self._from_epoch)
        return self._open
