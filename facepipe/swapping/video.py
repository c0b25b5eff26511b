"""Swap faces through a whole film, frame by frame, and write it as a video."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from facepipe.swapping.casting import Cast, Part, Spot, cast
from facepipe.swapping.film import Film
from facepipe.swapping.fitting import Fitter
from facepipe.swapping.masks import FaceMasks
from facepipe.swapping.place import Occlusion, Place, as_network_square, place_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import NotFiniteError, Swapper


@dataclass(frozen=True, eq=False)
class Take:
    """What is swapped, and by what.

    Attributes:
        film: the frames and their landmarks.
        parts: who is replaced, and by whom.
        swappers: what draws the face of each identity that has a part, by the identity's name.
        on_drawn: told each swapped face and the network square drawn for it, `(S, S, 3)`, before
            it is fitted in.
        on_fitted: told how much of each face's swap is shown, in its network square.
        occlusions: what may hide a face.
    """

    film: Film
    parts: Sequence[Part]
    swappers: Mapping[str, Swapper]
    on_drawn: Callable[[Spot, RgbImage], None] = lambda spot, square_rgb: None
    on_fitted: Callable[[Spot, FaceMasks], None] = lambda spot, masks: None
    occlusions: Sequence[Occlusion] = ()


def swap_video(
    take: Take,
    out: Path,
    settings: SwapSettings | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame:
    """Write the film with the people's faces replaced; sound and times stay as they are.

    Frames in which nobody is replaced are passed on. Decoding, drawing and encoding each run in a
    thread of their own; at most two batches of frames are held.

    Returns:
        A row per frame: frame_index, pts_s, swapped, reason (empty where swapped).

    Raises:
        StoppedError: `stop` said so; nothing is written.
        MediaError: A file cannot be decoded, or its sound not be stored.
        BadInputError: The landmarks belong to another file.
        NotFiniteError: A model draws what is no number; nothing is written.
    """
    settings = settings or SwapSettings()
    film = take.film
    total = len(film.landmarks.frame_index)
    casting = cast(film.landmarks, take.parts, settings)
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
    casting = cast(take.film.landmarks, take.parts, settings)
    return _swapped(take, casting, settings, frames)


def _swapped(
    take: Take, casting: Cast, settings: SwapSettings, coming: Iterator[Frame]
) -> Iterator[tuple[Frame, RgbImage]]:
    fitter = Fitter(casting, settings, take.occlusions, take.on_fitted)
    while frames := list(islice(coming, settings.batch)):
        spots = {frame.index: casting.spots(frame.index) for frame in frames}
        places = {
            spot: _place(take, casting, frame, spot)
            for frame in frames
            for spot in spots[frame.index]
        }
        drawn = _draw(take, places)
        for frame in frames:
            shown = frame
            for spot in spots[frame.index]:
                take.on_drawn(spot, as_network_square(places[spot], drawn[spot][0]))
                shown = fitter.fit(shown, spot, places[spot], drawn[spot])
            yield frame, shown.rgb


def _place(take: Take, casting: Cast, frame: Frame, spot: Spot) -> Place:
    return place_of(frame, casting.face_px(spot), _swapper(take, spot))


def _swapper(take: Take, spot: Spot) -> Swapper:
    return take.swappers[take.parts[spot.role].identity]


def _draw(take: Take, places: dict[Spot, Place]) -> dict[Spot, tuple[RgbImage, FloatArray]]:
    """Square and belief of each place, in one call of each identity's swapper."""
    drawn: dict[Spot, tuple[RgbImage, FloatArray]] = {}
    by_identity: dict[str, list[Spot]] = defaultdict(list)
    for spot in places:
        by_identity[take.parts[spot.role].identity].append(spot)
    for identity, spots in by_identity.items():
        try:
            squares, masks = take.swappers[identity].swap(
                np.stack([places[spot].crop_rgb for spot in spots]),
                np.stack([places[spot].points_px for spot in spots]),
            )
        except NotFiniteError as error:
            where = f"frame {spots[error.face].frame}"
            raise NotFiniteError(error.path, error.face, where) from error
        drawn |= {spot: (squares[k], masks[k]) for k, spot in enumerate(spots)}
    return drawn
