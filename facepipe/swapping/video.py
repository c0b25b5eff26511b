"""Swap one person's face through a whole film, frame by frame, and write it as a video."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import StoppedError
from facepipe.landmarks.ahead import ahead
from facepipe.media.decode import Frame
from facepipe.media.encode import VideoWriter
from facepipe.media.settings import EncodeSettings
from facepipe.swapping.casting import Cast, cast
from facepipe.swapping.film import Film
from facepipe.swapping.fitting import Fitter, Place, place_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import Swapper


@dataclass(frozen=True, eq=False)
class Take:
    """What is swapped, and by what.

    Attributes:
        film: the frames and their landmarks.
        tracks: the track ids of the person whose face is replaced.
        swapper: draws the faces.
        on_drawn: told the number of each swapped frame and the square drawn for it, `(S, S, 3)`,
            before it is fitted in.
    """

    film: Film
    tracks: AbstractSet[int]
    swapper: Swapper
    on_drawn: Callable[[int, RgbImage], None] = lambda index, square_rgb: None


def swap_video(
    take: Take,
    out: Path,
    settings: SwapSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """Write the film with the person's face replaced; sound and times stay as they are.

    Frames without the person are passed on. Decoding, drawing and encoding each run in a thread
    of their own; at most two batches of frames are held.

    Returns:
        A row per frame: frame_index, pts_s, swapped, reason (empty where swapped).

    Raises:
        StoppedError: `stop` said so; nothing is written.
        MediaError: A file cannot be decoded, or its sound not be stored.
        BadInputError: The landmarks belong to another file.
    """
    settings = settings or SwapSettings()
    film = take.film
    total = len(film.landmarks.frame_index)
    casting = cast(film.landmarks, take.tracks, settings)
    done = 0
    with VideoWriter(out, film.info, EncodeSettings(settings.crf, settings.preset)) as writer:
        for frame, shown_rgb in ahead(_swapped(take, casting, settings, film.frames())):
            if stop():
                raise StoppedError(f"stopped after {done} of {total} frames; no video is written")
            writer.write(shown_rgb, frame.pts)
            done += 1
            on_progress(done, total)
    reasons = list(casting.reason[:done])
    return pd.DataFrame(
        {
            "frame_index": np.arange(done),
            "pts_s": casting.pts_s[:done],
            "swapped": [reason == "" for reason in reasons],
            "reason": reasons,
        }
    )


def swapped_frames(
    take: Take, settings: SwapSettings, frames: Iterator[Frame]
) -> Iterator[tuple[Frame, RgbImage]]:
    """Each of the film's `frames`, decoded elsewhere, with what it shows in the end."""
    casting = cast(take.film.landmarks, take.tracks, settings)
    return _swapped(take, casting, settings, frames)


def _swapped(
    take: Take, casting: Cast, settings: SwapSettings, coming: Iterator[Frame]
) -> Iterator[tuple[Frame, RgbImage]]:
    fitter = Fitter(casting, settings)
    while frames := list(islice(coming, settings.batch)):
        places = {
            f.index: place_of(f, casting, take.swapper.size_px)
            for f in frames
            if casting.opacity[f.index] > 0
        }
        drawn = _draw(take.swapper, places)
        for frame in frames:
            if frame.index not in places:
                yield frame, frame.rgb
                continue
            square_rgb, believed = drawn[frame.index]
            take.on_drawn(frame.index, square_rgb)
            yield frame, fitter.fit(frame, places[frame.index], square_rgb, believed)


def _draw(swapper: Swapper, places: dict[int, Place]) -> dict[int, tuple[RgbImage, FloatArray]]:
    """Square and belief of each place, by frame number, in one call of the swapper."""
    if not places:
        return {}
    squares, masks = swapper.swap(
        np.stack([place.crop_rgb for place in places.values()]),
        np.stack([place.points_px for place in places.values()]),
    )
    return {index: (squares[k], masks[k]) for k, index in enumerate(places)}
