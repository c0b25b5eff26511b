"""Swap one person's face through a whole film, frame by frame, and write it as a video."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.blend import cut_square, paste
from facepipe.compositing.masks import hull_mask, skin_mask
from facepipe.errors import StoppedError
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.media.decode import Frame
from facepipe.media.encode import VideoWriter
from facepipe.media.settings import EncodeSettings
from facepipe.swapping.casting import Cast, cast
from facepipe.swapping.film import Film
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.steadying import SteadyColours
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
    fitter = _Fitter(casting, settings)
    while frames := list(islice(coming, settings.batch)):
        places = {
            f.index: _place(f, casting, take.swapper.size_px)
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


@dataclass(frozen=True, eq=False)
class _Place:
    """A face's network square: how it is cut, `(2, 3)`, what it shows, and its points there."""

    transform: FloatArray
    crop_rgb: RgbImage
    points_px: FloatArray


def _place(frame: Frame, casting: Cast, size_px: int) -> _Place:
    points_px = casting.points_px[frame.index]
    transform = network_transform(five_points(points_px), size_px)
    crop_rgb = cut_square(frame.rgb, transform, size_px)
    return _Place(transform, crop_rgb, apply_transform(transform, points_px))


def _draw(swapper: Swapper, places: dict[int, _Place]) -> dict[int, tuple[RgbImage, FloatArray]]:
    """Square and belief of each place, by frame number, in one call of the swapper."""
    if not places:
        return {}
    squares, masks = swapper.swap(
        np.stack([place.crop_rgb for place in places.values()]),
        np.stack([place.points_px for place in places.values()]),
    )
    return {index: (squares[k], masks[k]) for k, index in enumerate(places)}


class _Fitter:
    """Fits drawn squares into their frames, in the order of time."""

    def __init__(self, casting: Cast, settings: SwapSettings) -> None:
        self._casting = casting
        self._settings = settings
        self._colours = SteadyColours(settings.colour, settings.colour_window_s)

    def fit(
        self, frame: Frame, place: _Place, square_rgb: RgbImage, believed: FloatArray
    ) -> RgbImage:
        size_wh = (believed.shape[1], believed.shape[0])
        moment = (frame.pts_s, float(self._casting.scene[frame.index]))
        skin = skin_mask(place.points_px, size_wh)
        face_rgb = self._colours.match(square_rgb, place.crop_rgb, skin, moment)
        hull = hull_mask(
            place.points_px,
            size_wh,
            erosion=self._settings.erosion,
            feather=self._settings.feather,
        )
        mask = np.minimum(hull, believed) * self._casting.opacity[frame.index]
        return paste(frame.rgb, face_rgb, mask, place.transform)
