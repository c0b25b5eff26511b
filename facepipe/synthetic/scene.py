"""Clips of synthetic people: what to show, and its frames with their ground truth."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import RgbImage
from facepipe.errors import SettingsError
from facepipe.synthetic.camera import View
from facepipe.synthetic.eyes import eye_opening
from facepipe.synthetic.fields import Floats, blurred, smooth_noise
from facepipe.synthetic.motion import Moment, MotionSettings, move
from facepipe.synthetic.mouth import mouth_opening
from facepipe.synthetic.occluders import Occluder, draw_occluder
from facepipe.synthetic.people import Identity
from facepipe.synthetic.person import Person
from facepipe.synthetic.surfaces import FACE, NO_LABEL
from facepipe.synthetic.truth import Truth

LEAST_SIZE = 64
"""Smaller pictures show no face that anything could find."""
AFTER_CUT = 100
"""Added to the seeds of the people before a cut gives those after it."""
HEADS_PER_HEIGHT = (0.29, 0.235)
"""Head units per picture height, for one person and for several side by side."""
EYE_LEVEL = 0.46
"""Where the eyes are on average, as a share of the picture's height."""
MM_PER_UNIT = 100.0


@dataclass(frozen=True)
class Clip:
    """What to render.

    Attributes:
        seeds: One identity per person, from left to right.
        size: Height of the picture in pixels, even; it is as wide, or 1.5 times as wide for
            several people.
        frames: How many.
        fps: Frames per second.
        occluder: What crosses the picture once during the clip; "" for nothing.
        cut: The frame at which other people before another background appear; 0 for none.
        sensor: Standard deviation of the sensor's noise, in grey levels.
        blur: Standard deviation of a Gaussian blur, in pixels.
        motion: How far the people move.

    Raises:
        SettingsError: A value is out of range.
    """

    seeds: tuple[int, ...] = (1,)
    size: int = 256
    frames: int = 90
    fps: float = 30.0
    occluder: Occluder = ""
    cut: int = 0
    sensor: float = 0.0
    blur: float = 0.0
    motion: MotionSettings = field(default_factory=MotionSettings)

    def __post_init__(self) -> None:
        demands = {
            "seeds": (bool(self.seeds), "at least one"),
            "size": (self.size >= LEAST_SIZE and self.size % 4 == 0, "a multiple of 4 from 64 up"),
            "frames": (self.frames > 0, "at least 1"),
            "fps": (self.fps > 0, "above 0"),
            "occluder": (self.occluder in ("", "hand", "stick"), '"", "hand" or "stick"'),
            "cut": (0 <= self.cut < self.frames, "0 or a frame of the clip"),
            "sensor": (self.sensor >= 0, "0 or more"),
            "blur": (self.blur >= 0, "0 or more"),
        }
        for name, (met, need) in demands.items():
            if not met:
                raise SettingsError(f"Clip.{name} is {getattr(self, name)!r}: it must be {need}")

    @property
    def width(self) -> int:
        """Width of the picture in pixels."""
        return self.size if len(self.seeds) == 1 else self.size * 3 // 4 * 2

    def shot_of(self, frame: int) -> int:
        """0 before the cut, 1 from it on."""
        return int(0 < self.cut <= frame)


def render(clip: Clip, frames: Iterable[int] | None = None) -> Iterator[tuple[RgbImage, Truth]]:
    """Yield frames `(H, W, 3)` with their ground truth; the same clip gives the same bytes.

    Args:
        clip: What to render.
        frames: Which frames, in the order wanted; all of them when None. A frame looks the same
            whichever others are asked for.
    """
    shots: dict[int, _Shot] = {}
    for frame in range(clip.frames) if frames is None else frames:
        shot = clip.shot_of(frame)
        if shot not in shots:
            shots = {shot: _Shot(clip, shot)}
        yield shots[shot].frame(frame)


class _Shot:
    """The people and the background between two cuts."""

    def __init__(self, clip: Clip, number: int) -> None:
        self._clip, self._number = clip, number
        self._seeds = [seed + AFTER_CUT * number for seed in clip.seeds]
        self._per_unit = clip.size * HEADS_PER_HEIGHT[len(clip.seeds) > 1]
        finest = self._per_unit * max(1.0, clip.motion.largest_scale)
        tilt_deg = clip.motion.tilt_deg
        self._people = [Person(Identity.sample(seed), finest, tilt_deg) for seed in self._seeds]
        self._moves = [move(seed, clip.frames, clip.fps, clip.motion) for seed in self._seeds]
        self._background = _background(self._seeds[0], (clip.width, clip.size))

    def frame(self, index: int) -> tuple[RgbImage, Truth]:
        clip, moments = self._clip, [moves[index] for moves in self._moves]
        image = self._background.copy()
        points, labels = self._draw_people(image, moments)
        cover = np.zeros((clip.size, clip.width), np.float32)
        if clip.occluder:
            progress = index / max(1, clip.frames - 1)
            size_wh = clip.width, clip.size
            colour, cover = draw_occluder(clip.occluder, clip.seeds[0], progress, size_wh)
            image += (colour - image) * cover[..., None]
        _hide(points, labels, cover)
        return self._developed(image, index), self._truth(moments, points, labels, cover)

    def _draw_people(
        self, image: Floats, moments: list[Moment]
    ) -> tuple[Floats, NDArray[np.uint8]]:
        """Draw everyone over `image`; points `(P, K, 3)` and labels `(P, H, W)`."""
        clip, count = self._clip, len(moments)
        points: list[Floats] = []
        labels = np.full((count, clip.size, clip.width), NO_LABEL, np.uint8)
        for k, (person, moment) in enumerate(zip(self._people, moments, strict=True)):
            centre = clip.width * (k + 0.5) / count, clip.size * EYE_LEVEL
            view = View(self._per_unit * moment.scale, centre, (clip.width, clip.size))
            drawing, known = person.draw(moment, view)
            image += (drawing.rgb - image) * drawing.alpha[..., None]
            labels[:k, drawing.label > 0] = NO_LABEL
            labels[k] = drawing.label
            points.append(known)
        return np.stack(points), labels

    def _developed(self, image: Floats, index: int) -> RgbImage:
        """Blur, sensor noise and rounding."""
        clip = self._clip
        if clip.blur:
            image = blurred(image, clip.blur)
        if clip.sensor:
            rng = np.random.default_rng([clip.seeds[0], 97, index])
            image = image + clip.sensor * rng.standard_normal(image.shape, np.float32)
        return np.clip(image + 0.5, 0, 255).astype(np.uint8)

    def _truth(
        self,
        moments: list[Moment],
        points: Floats,
        labels: NDArray[np.uint8],
        cover: Floats,
    ) -> Truth:
        people = [person.who for person in self._people]
        eyes = [eye_opening(who, moment) for who, moment in zip(people, moments, strict=True)]
        mouths = [mouth_opening(moment) for moment in moments]
        return Truth(
            points_px=points.astype(np.float32),
            pose_deg=_floats([[m.yaw_deg, m.pitch_deg, m.roll_deg] for m in moments]),
            scale=_floats([m.scale for m in moments]),
            blink=_floats([m.blink for m in moments]),
            smile=_floats([m.smile for m in moments]),
            eye_opening_mm=_floats(eyes) * np.float32(MM_PER_UNIT),
            mouth_opening_mm=_floats(mouths) * np.float32(MM_PER_UNIT),
            face=labels == FACE,
            person=labels > NO_LABEL,
            occlusion=cover >= 0.5,
            identities=np.array(self._seeds, np.int32),
            shot=self._number,
        )


def _hide(points: Floats, labels: NDArray[np.uint8], cover: Floats) -> None:
    """Mark points behind an object, or behind a person drawn later, as not visible."""
    height, width = cover.shape
    for k, known in enumerate(points):
        cols = np.clip(known[:, 0].astype(int), 0, width - 1)
        rows = np.clip(known[:, 1].astype(int), 0, height - 1)
        in_front = (labels[k + 1 :, rows, cols] > NO_LABEL).any(0) | (cover[rows, cols] >= 0.5)
        known[in_front, 2] = 0


def _background(seed: int, size_wh: tuple[int, int]) -> Floats:
    """A soft gradient between two colours, with blotches."""
    rng, (width, height) = np.random.default_rng(seed + 31), size_wh
    one, other = rng.uniform(70, 190, (2, 3))
    y, x = np.mgrid[0:height, 0:width] / max(size_wh)
    blotches = 6 * smooth_noise(rng, (height, width), 5, 6)[..., None]
    return (one + (other - one) * (0.6 * y + 0.4 * x)[..., None] + blotches).astype(np.float32)


def _floats(values: list[float] | list[list[float]]) -> Floats:
    return np.array(values, np.float32)
