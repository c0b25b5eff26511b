"""Stretches of a swapped film that are kept until all are there, so that a swap can go on.

A chunk is whole when its record is there and every file named in it has the content it had.
Records are written last; a chunk that a kill broke off has none.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facepipe.files import sha256_of, storage_errors, write_whole
from facepipe.media.segments import SUFFIX

PLAN = "plan.json"


@dataclass(frozen=True)
class Chunk:
    """Frames `first` up to, but without, `end`."""

    index: int
    first: int
    end: int


def chunks_of(total: int, length: int) -> list[Chunk]:
    """`total` frames in chunks of `length`; the last one may be shorter.

    >>> chunks_of(5, 2)[-1]
    Chunk(index=2, first=4, end=5)
    """
    starts = range(0, total, length)
    return [Chunk(k, first, min(first + length, total)) for k, first in enumerate(starts)]


def stretches(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """The chunks in groups of such as follow each other.

    >>> [len(group) for group in stretches([Chunk(0, 0, 2), Chunk(1, 2, 4), Chunk(3, 6, 8)])]
    [2, 1]
    """
    groups: list[list[Chunk]] = []
    for chunk in chunks:
        if groups and groups[-1][-1].end == chunk.first:
            groups[-1].append(chunk)
        else:
            groups.append([chunk])
    return groups


class ChunkFolder:
    """The chunks of one swap.

    Args:
        folder: Where they lie; it may be missing.
        tell: Hears what a user should know.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None] = lambda said: None) -> None:
        self._folder = folder
        self.tell = tell

    def begin(self, plan: dict[str, Any]) -> None:
        """Make the folder fit for chunks whose content `plan` decides; those of another one go."""
        written = json.dumps(plan, indent=1, sort_keys=True)
        place = self._folder / PLAN
        with storage_errors(self._folder):
            if place.is_file() and place.read_text() != written:
                self.tell("the swap was begun with other versions or settings: begun anew")
                shutil.rmtree(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)
            for torn in self._folder.rglob(".*.part*"):  # of a writer that was killed
                torn.unlink()
        write_whole(place, written)

    def segment(self, chunk: Chunk) -> Path:
        """Where the chunk's video is to be written."""
        return self._folder / f"{chunk.index:06d}{SUFFIX}"

    def beside(self, chunk: Chunk, name: str) -> Path:
        """Where another file of the chunk is to be written."""
        return self._folder / f"{chunk.index:06d}" / name

    def squares(self, chunk: Chunk) -> list[Path]:
        """The pictures written beside the chunk's video."""
        return sorted((self._folder / f"{chunk.index:06d}").glob("[!.]*.png"))

    def finish(self, chunk: Chunk) -> None:
        """Note that all files of the chunk are written."""
        beside = sorted((self._folder / f"{chunk.index:06d}").glob("[!.]*"))
        files = [self.segment(chunk), *beside]
        hashes = {path.relative_to(self._folder).as_posix(): sha256_of(path) for path in files}
        write_whole(self._record(chunk), json.dumps(hashes, indent=1))

    def is_whole(self, chunk: Chunk) -> bool:
        """Whether the chunk is there as it was finished; if not, what is there of it goes."""
        record = self._record(chunk)
        if record.is_file():
            if self._is_as(record):
                return True
            self.tell(f"{self.segment(chunk)}: damaged since it was made; it is made again")
        record.unlink(missing_ok=True)
        self.segment(chunk).unlink(missing_ok=True)
        shutil.rmtree(record.with_suffix(""), ignore_errors=True)
        return False

    def _record(self, chunk: Chunk) -> Path:
        return self._folder / f"{chunk.index:06d}.json"

    def _is_as(self, record: Path) -> bool:
        try:
            hashes: dict[str, str] = json.loads(record.read_text())
            return all(sha256_of(self._folder / name) == was for name, was in hashes.items())
        except (OSError, ValueError, AttributeError):
            return False
