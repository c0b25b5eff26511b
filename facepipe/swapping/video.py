"""Swap faces through a whole film and write it as a video, chunk by chunk."""

import dataclasses
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from facepipe.errors import BadInputError, StoppedError
from facepipe.files import storage_errors
from facepipe.media.canvas import Canvas
from facepipe.media.encoders import Format, check_encoder
from facepipe.media.joining import join
from facepipe.media.png import save_png
from facepipe.media.segments import SegmentWriter
from facepipe.media.settings import EncodeSettings
from facepipe.media.sound import Sound, check_sound
from facepipe.swapping.casting import Cast, Spot, cast
from facepipe.swapping.chunks import Chunk, ChunkFolder, chunks_of, stretches
from facepipe.swapping.manifest import library_versions
from facepipe.swapping.masks import MaskLog, join_masks
from facepipe.swapping.place import as_network_square
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import memory_s
from facepipe.swapping.takes import Swapped, Take, swapped_frames

DRAWN, MASKS = "drawn", "masks.parquet"
"""Beside a video: folder with the squares that were asked for, and how much of each face shows."""


def swap_video(
    take: Take,
    out: Path,
    settings: SwapSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
    chunks: ChunkFolder | None = None,
) -> pd.DataFrame:
    """Write the film with the people's faces replaced; sound and times stay as they are.

    Frames in which nobody is replaced are passed on. Decoding, drawing, fitting in and encoding
    each run in a thread of their own; a few batches of frames are held. Stretches of frames are
    encoded one by one, kept in `chunks`, and joined in the end; a swap that was broken off at any
    point goes on after the last whole one, and ends in the same file.

    Returns:
        A row per frame: frame_index, pts_s, swapped, reason (empty where swapped).

    Raises:
        StoppedError: `stop` said so; no video is written.
        MediaError: A file cannot be decoded, or its sound not be stored.
        SettingsError: The encoder is not available.
        BadInputError: The landmarks belong to another file.
        NotFiniteError: A model draws what is no number.
        StorageError: The disk is full or may not be written to.
    """
    settings = settings or SwapSettings()
    job = _Job.of(take, settings)
    check_encoder(job.form, job.encoding)
    check_sound(job.sound)
    with ExitStack() as opening:
        kept = chunks or ChunkFolder(_temporary(out, opening))
        _make_chunks(job, kept, on_progress, stop)
        segments = [kept.segment(chunk) for chunk in job.chunks]
        join(segments, out, job.form, job.encoding, job.sound)
        join_masks([kept.beside(chunk, MASKS) for chunk in job.chunks], out.parent / MASKS)
        with storage_errors(out):
            for picture in (path for chunk in job.chunks for path in kept.squares(chunk)):
                (out.parent / DRAWN).mkdir(exist_ok=True)
                shutil.copyfile(picture, out.parent / DRAWN / picture.name)
    return _log_of(job.casting)


def drawn_name(spot: Spot) -> str:
    """The file name of a face's drawn square."""
    return f"{spot.frame:06d}_{spot.role}.png"


@dataclass(frozen=True, eq=False)
class _Job:
    """A swap, and what follows from its settings."""

    take: Take
    settings: SwapSettings
    casting: Cast
    form: Format
    encoding: EncodeSettings
    sound: Sound | None
    chunks: Sequence[Chunk]
    canvas: Canvas

    @staticmethod
    def of(take: Take, settings: SwapSettings) -> "_Job":
        info = take.film.info
        batches = -(-settings.chunk_frames // settings.batch)
        canvas = Canvas(info)
        return _Job(
            take=take,
            settings=settings,
            casting=cast(take.film.landmarks, take.parts, settings),
            form=canvas.form,
            encoding=settings.encoding(),
            sound=take.film.sound,
            chunks=chunks_of(len(take.film.landmarks.frame_index), batches * settings.batch),
            canvas=canvas,
        )

    def plan(self) -> dict[str, Any]:
        """What decides a chunk's content, as far as a swap of the same files can differ."""
        return {
            "settings": dataclasses.asdict(self.settings),
            "versions": library_versions(),
            "frames": self.chunks[-1].end,
        }

    def swapped(self, first: int) -> Generator[Swapped]:
        """The swapped frames from `first` on, as if the swap had come there from the beginning."""
        batch = self.settings.batch
        frames = self.take.film.frames(self._warm_up_from(first) // batch * batch, batch)
        for shown in swapped_frames(self.take, self.settings, frames):
            if shown.frame.index >= first:
                yield shown

    def _warm_up_from(self, first: int) -> int:
        """The first frame that has a say in how `first` is made."""
        times_s = self.casting.pts_s.astype(np.float64)
        counts = (times_s[first] - times_s[:first] <= memory_s(self.settings)) & (
            self.casting.scene[:first] == self.casting.scene[first]
        )
        others = np.flatnonzero(~counts)
        return int(others[-1]) + 1 if len(others) else 0


def _make_chunks(
    job: _Job,
    kept: ChunkFolder,
    on_progress: Callable[[int, int], None],
    stop: Callable[[], bool],
) -> None:
    """Make every chunk that is not there yet."""
    kept.begin(job.plan())
    missing = [chunk for chunk in job.chunks if not kept.is_whole(chunk)]
    total = job.chunks[-1].end
    done = total - sum(chunk.end - chunk.first for chunk in missing)
    if done:
        then = f"it goes on at frame {missing[0].first + 1}" if missing else "they are joined"
        kept.tell(f"{done} of {total} frames are swapped already: {then}")

    def on_frame(chunk: Chunk) -> None:
        nonlocal done
        if stop():
            raise StoppedError(
                f"stopped after {done} of {total} frames; run again to go on at frame "
                f"{chunk.first + 1}"
            )
        done += 1
        on_progress(done, total)

    for stretch in stretches(missing):
        with closing(job.swapped(stretch[0].first)) as shown:
            for chunk in stretch:
                _make_chunk(job, kept, chunk, shown, on_frame)
            if stretch[-1].end == total:
                next(shown, None)  # refuses frames without landmarks


def _make_chunk(
    job: _Job,
    kept: ChunkFolder,
    chunk: Chunk,
    coming: Iterator[Swapped],
    on_frame: Callable[[Chunk], None],
) -> None:
    count, masks = 0, MaskLog()
    with SegmentWriter(kept.segment(chunk), job.form, job.encoding) as writer:
        for shown in islice(coming, chunk.end - chunk.first):
            on_frame(chunk)
            for spot in shown.drawn.places:
                masks.add(spot, shown.masks[spot])
                if spot in job.take.kept:
                    square_rgb = shown.drawn.squares[spot][0]
                    square_rgb = as_network_square(shown.drawn.places[spot], square_rgb)
                    save_png(kept.beside(chunk, drawn_name(spot)), square_rgb)
            writer.write(job.canvas.picture(shown.frame, shown.rgb), shown.frame.pts)
            count += 1
    if count < chunk.end - chunk.first:
        raise BadInputError(
            f"{job.take.film.paths[0]}: ends after {chunk.first + count} of the "
            f"{job.chunks[-1].end} frames that its landmarks were made of; make the landmarks again"
        )
    masks.save(kept.beside(chunk, MASKS))
    kept.finish(chunk)


def _temporary(out: Path, opening: ExitStack) -> Path:
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = TemporaryDirectory(prefix=f".{out.stem}.", dir=out.parent)
        return Path(opening.enter_context(folder))


def _log_of(casting: Cast) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "frame_index": np.arange(len(casting.pts_s)),
            "pts_s": casting.pts_s,
            "swapped": [reason == "" for reason in casting.reason],
            "reason": list(casting.reason),
        }
    )
