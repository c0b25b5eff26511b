"""From frames to swapped frames: faces are cut out, drawn in batches, and fitted in."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.compositing.notice import Notice
from facepipe.landmarks.ahead import ahead
from facepipe.media.decode import Frame
from facepipe.swapping.casting import Cast, Part, Spot, cast
from facepipe.swapping.film import Film
from facepipe.swapping.fitting import Fitter
from facepipe.swapping.masks import FaceMasks
from facepipe.swapping.place import Occlusion, Place, place_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import NotFiniteError, Swapper


@dataclass(frozen=True, eq=False)
class Take:
    """What is swapped, and by what.

    Attributes:
        film: the frames and their landmarks.
        parts: who is replaced, and by whom.
        swappers: what draws the face of each identity that has a part, by the identity's name.
        kept: the faces whose drawn squares are wanted beside the video.
        occlusions: what may hide the faces of each part; none where nobody looks.
    """

    film: Film
    parts: Sequence[Part]
    swappers: Mapping[str, Swapper]
    kept: frozenset[Spot] = frozenset()
    occlusions: Sequence[Sequence[Occlusion]] = ()


@dataclass(frozen=True, eq=False)
class Drawn:
    """A frame of the film, and the squares drawn for its faces.

    Attributes:
        frame: as it was.
        places: where each square belongs, in the order in which they are to be fitted in.
        squares: `(S, S, 3)`, and where it is to be believed, `(S, S)`.
    """

    frame: Frame
    places: Mapping[Spot, Place]
    squares: Mapping[Spot, tuple[RgbImage, FloatArray]]


@dataclass(frozen=True, eq=False)
class Swapped:
    """A frame of the film as it is in the end.

    Attributes:
        drawn: what went into it.
        rgb: `(H, W, 3)` what it shows.
        masks: how much of each face's swap is shown.
    """

    drawn: Drawn
    rgb: RgbImage
    masks: Mapping[Spot, FaceMasks]

    @property
    def frame(self) -> Frame:
        """As it was."""
        return self.drawn.frame


def swapped_frames(
    take: Take, settings: SwapSettings, frames: Iterator[Frame]
) -> Iterator[Swapped]:
    """Each of the film's `frames` with what it shows in the end.

    What draws and what fits in run in a thread of their own each, a batch ahead of the reader.
    Batches begin at multiples of their size, so that they are the same wherever the frames begin.
    """
    casting = cast(take.film.landmarks, take.parts, settings)
    drawn = ahead(_drawn(take, casting, settings, frames), settings.batch)
    return ahead(_fitted(take, casting, settings, drawn), settings.batch)


def _drawn(
    take: Take, casting: Cast, settings: SwapSettings, coming: Iterator[Frame]
) -> Iterator[Drawn]:
    while frames := list(islice(coming, settings.batch)):
        places = {
            frame.index: {
                spot: _place(take, casting, frame, spot) for spot in casting.spots(frame.index)
            }
            for frame in frames
        }
        everywhere = {spot: place for here in places.values() for spot, place in here.items()}
        squares = _draw(take, everywhere)
        for frame in frames:
            here = places[frame.index]
            yield Drawn(frame, here, {spot: squares[spot] for spot in here})


def _fitted(
    take: Take, casting: Cast, settings: SwapSettings, coming: Iterator[Drawn]
) -> Iterator[Swapped]:
    masks: dict[Spot, FaceMasks] = {}
    fitter = Fitter(casting, settings, take.occlusions, masks.__setitem__)
    notice = Notice(settings.disclosure)
    for drawn in coming:
        masks.clear()
        shown = drawn.frame
        for spot, place in drawn.places.items():
            shown = fitter.fit(shown, spot, place, drawn.squares[spot])
        yield Swapped(drawn, notice.on(shown.rgb), dict(masks))


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
