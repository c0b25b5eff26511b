"""Look at every frame, choose which ones to learn from, and write those out.

A frame is left out for one reason: `too_dark`, `too_bright`, `too_blurred` (for its own clip),
`duplicate` (a frozen picture), or `not_sampled` (there were more usable ones than asked for).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from facepipe.arrays import RgbImage
from facepipe.errors import MediaError, StoppedError
from facepipe.files import whole_file
from facepipe.media.decode import decode
from facepipe.media.measures import measure
from facepipe.media.probe import probe
from facepipe.media.scenes import scene_numbers
from facepipe.media.settings import FramesSettings

_STILL_S = 1.0  # a picture counts as much as a second of video, or clips would crowd pictures out
_JPEG_QUALITY = 95
_SHARP_ENOUGH = 1e-9


def survey(
    folder: Path,
    paths: Sequence[Path],
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """One row per decoded frame of `paths`, which lie in `folder`, in their order.

    Columns: source (name in the folder), frame_index, pts_s, width, height, sharpness,
    brightness, scene (shot number in the source) and repeats (shows the picture before once more).

    Raises:
        MediaError: A file is missing, empty, not media, or broken.
        StoppedError: `stop` became true; nothing is kept, since a survey takes little time.
    """
    promised = [probe(path).frames for path in paths]
    total = sum(promised) if all(promised) else 0
    tables: list[pd.DataFrame] = []
    done = 0
    for path in paths:
        rows: list[dict[str, float]] = []
        for row in measure(path):
            if stop():
                raise StoppedError(f"{path}: stopped at frame {row.frame_index} of the survey")
            rows.append(asdict(row))
            done += 1
            on_progress(done, total)
        tables.append(_source_table(path.relative_to(folder).as_posix(), rows))
    return pd.concat(tables, ignore_index=True)


def select(table: pd.DataFrame, settings: FramesSettings) -> pd.DataFrame:
    """The survey with two more columns: `selected`, and `reason` ("" where selected).

    All usable frames are taken if they are no more than `max_frames`; else exactly `max_frames`,
    evenly in time over all sources laid end to end, a picture counting as one second.

    Raises:
        MediaError: No frame is usable.
    """
    reason = _faults(table, settings)
    usable = np.flatnonzero(reason == "")
    if not usable.size:
        counts = ", ".join(f"{n} {why}" for why, n in sorted(_counted(reason).items()))
        raise MediaError(
            f"none of {len(table)} frames is usable ({counts}); needed is at least one"
        )
    taken = usable[evenly(_lasting_us(table)[usable], settings.max_frames)]
    reason[usable] = "not_sampled"
    reason[taken] = ""
    return table.assign(selected=reason == "", reason=reason)


def extract(
    folder: Path,
    table: pd.DataFrame,
    out: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write `out/index.parquet` and, of selected rows, `out/images/<row number, 6 digits>.jpg`.

    The pictures are for people to look at, since faces are cut from the media themselves: JPEG at
    quality 95 without chroma subsampling, a fifth of PNG's size.

    Raises:
        MediaError: A source is missing or no longer holds the selected frames.
        StorageError: The disk is full or `out` may not be written to.
    """
    chosen = table[table["selected"]]
    done = 0
    for source, rows in chosen.groupby("source", sort=False):
        wanted = dict(zip(rows["frame_index"].tolist(), rows.index.tolist(), strict=True))
        for row, rgb in _wanted_frames(folder / str(source), wanted):
            _write_jpeg(rgb, out / "images" / f"{row:06d}.jpg")
            done += 1
            on_progress(done, len(chosen))
    with whole_file(out / "index.parquet") as aside:
        table.to_parquet(aside, index=False)


def evenly(lasting_us: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Which of `(N,)` frames to take, in order: at most `most`, evenly in the time they last.

    A frame that lasts longer than the mean step is taken for sure, and the rest is spread anew; so
    exactly `most` are taken where there are as many.
    """
    left = np.arange(len(lasting_us), dtype=np.int64)
    if len(left) <= most:
        return left
    sure: list[int] = []
    while True:
        budget = most - len(sure)
        long = left[lasting_us[left] * budget > lasting_us[left].sum()]
        if not long.size:
            break
        sure.extend(long.tolist())
        left = np.setdiff1d(left, long)
    ends = np.cumsum(lasting_us[left])
    targets = (2 * np.arange(budget) + 1) * ends[-1] // (2 * max(budget, 1))
    spread = left[np.searchsorted(ends, targets, side="right")]
    return np.sort(np.concatenate([np.array(sure, np.int64), spread]))


def _wanted_frames(path: Path, wanted: dict[int, int]) -> Iterator[tuple[int, RgbImage]]:
    left = dict(wanted)
    for frame in decode(path):
        if frame.index in left:
            yield left.pop(frame.index), frame.rgb
        if not left:
            return
    raise MediaError(f"{path}: frame {min(left)} is gone since the survey; run it again")


def _source_table(source: str, rows: list[dict[str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    scene = scene_numbers(table["difference"].to_numpy(), table["repeats"].to_numpy())
    table = table.assign(scene=scene).drop(columns="difference")
    table.insert(0, "source", source)
    return table


def _faults(table: pd.DataFrame, settings: FramesSettings) -> np.ndarray:
    lit = table["brightness"].between(settings.min_brightness, settings.max_brightness)
    median = table["sharpness"].where(lit).groupby(table["source"]).transform("median")
    blurred = table["sharpness"] < settings.min_sharpness * median - _SHARP_ENOUGH
    return np.select(
        [
            table["brightness"] < settings.min_brightness,
            table["brightness"] > settings.max_brightness,
            blurred,
            table["repeats"],
        ],
        ["too_dark", "too_bright", "too_blurred", "duplicate"],
        default="",
    ).astype(object)


def _lasting_us(table: pd.DataFrame) -> NDArray[np.int64]:
    until_next = -table.groupby("source", sort=False)["pts_s"].diff(-1)
    usual = until_next.groupby(table["source"], sort=False).transform("median")
    lasting_s = until_next.fillna(usual).fillna(_STILL_S).to_numpy(np.float64)
    return np.maximum(np.round(np.asarray(lasting_s) * 1_000_000), 1).astype(np.int64)


def _counted(reason: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(reason.astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def _write_jpeg(rgb: RgbImage, path: Path) -> None:
    with whole_file(path) as aside:
        Image.fromarray(rgb).save(aside, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
