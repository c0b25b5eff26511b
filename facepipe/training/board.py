"""The history once more as TensorBoard reads it."""

import time
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image, scalar

from facepipe.arrays import RgbImage
from facepipe.files import storage_errors

FOLDER = "tensorboard"
_NO_CURVES = ("epoch", "stage")
_VERSION = "brain.Event:2"
_PROTOCOL: Any = event_pb2  # its classes are made at run time


class Board:
    """TensorBoard event files in a folder; their names and times differ from run to run.

    Written here and now: TensorBoard's own writer does it in a thread, which a full disk ends with
    a traceback.

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
                    self._add(int(row["epoch"]), summary=scalar(tag, value))
            self._writer().flush()

    def show(self, epoch: int, picture: RgbImage) -> None:
        """Add a preview `(H, W, 3)`."""
        with storage_errors(self.folder):
            self._add(epoch, summary=image("preview", picture, dataformats="HWC"))

    def close(self) -> None:
        """Write what is left; more may be told afterwards."""
        if self._open is not None:
            closing, self._open = self._open, None
            with storage_errors(self.folder):
                closing.close()

    def _add(self, epoch: int, **what: Any) -> None:
        event = _PROTOCOL.Event(wall_time=time.time(), step=epoch, **what)
        self._writer().write(event.SerializeToString())

    def _writer(self) -> Any:
        if self._open is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            # read in the order of their names
            name = f"events.out.tfevents.{time.time():.6f}"
            self._open = RecordWriter((self.folder / name).open("xb"))
            self._add(self._from_epoch, file_version=_VERSION)
            # TensorBoard then hides what earlier files say of these epochs
            start = _PROTOCOL.SessionLog(status=_PROTOCOL.SessionLog.START)
            self._add(self._from_epoch, session_log=start)
        return self._open
