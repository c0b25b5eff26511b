"""How synthetic people move: smooth seeded trajectories of head, eyes and mouth."""

from dataclasses import dataclass

import numpy as np

from facepipe.synthetic.fields import Floats

ZOOM = 0.09
"""Largest change of size, as a logarithm: the person comes and goes by up to 9 %."""
MOUTH_OPEN = 0.19
"""The widest gap between the lips in speech, in head units."""
BLINK_S = 0.085
"""A lid needs this long from open to closed; it stays closed for as long."""


@dataclass(frozen=True)
class MotionSettings:
    """How far people move.

    Attributes:
        yaw_deg: Largest turn to either side.
        pitch_deg: Largest nod up or down.
        roll_deg: Largest tilt to either side.
        sway: Share of the usual drift across the picture and towards the camera.
    """

    yaw_deg: float = 25.0
    pitch_deg: float = 12.0
    roll_deg: float = 10.0
    sway: float = 1.0

    @property
    def tilt_deg(self) -> float:
        """A bound on the angle between the face and the camera, for turns up to 90 degrees."""
        yaw, pitch = np.radians([self.yaw_deg, self.pitch_deg])
        return float(np.degrees(np.arccos(np.cos(yaw) * np.cos(pitch))))

    @property
    def largest_scale(self) -> float:
        """A bound on `Moment.scale`."""
        return float(np.exp(ZOOM * abs(self.sway)))


@dataclass(frozen=True)
class Moment:
    """Everything that moves, at one instant.

    Attributes:
        yaw_deg: > 0 turns the nose to the image's right.
        pitch_deg: > 0 turns the nose down.
        roll_deg: > 0 is clockwise.
        scale: Size in the picture; 1 is usual.
        x: Shift to the image's right, in head units of 10 cm.
        y: Shift down.
        gaze_x: Shift of the pupils to the image's right.
        gaze_y: Shift of the pupils down.
        blink: 0 with open, 1 with closed lids.
        mouth_open: Gap between the lips, in head units.
        mouth_narrow: 0 at rest, 1 rounded as for an O.
        smile: 0 at rest, 1 at the broadest.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    scale: float
    x: float
    y: float
    gaze_x: float
    gaze_y: float
    blink: float
    mouth_open: float
    mouth_narrow: float
    smile: float


def move(seed: int, frames: int, fps: float, settings: MotionSettings) -> tuple[Moment, ...]:
    """The moments of a clip; a longer clip of the same seed begins with the same ones."""
    rng, time_s = np.random.default_rng(seed + 104729), np.arange(frames) / fps
    blink_rng = np.random.default_rng(seed + 15485863)

    def wave(amplitude: float, slow_hz: float, fast_hz: float) -> Floats:
        return amplitude * _wave(rng, time_s, slow_hz, fast_hz)

    talk = np.clip(0.35 + wave(0.5, 0.15, 0.35), 0, 1) * _syllables(rng, time_s, fps)
    columns = {
        "yaw_deg": wave(settings.yaw_deg, 0.25, 0.45),
        "pitch_deg": wave(settings.pitch_deg, 0.2, 0.4),
        "roll_deg": wave(settings.roll_deg, 0.2, 0.4),
        "scale": np.exp(wave(ZOOM * settings.sway, 0.05, 0.12)),
        "x": wave(0.18 * settings.sway, 0.06, 0.15),
        "y": wave(0.08 * settings.sway, 0.06, 0.15),
        "gaze_x": wave(0.030, 0.2, 0.5),
        "gaze_y": wave(0.010, 0.2, 0.4),
        "blink": _blinks(blink_rng, time_s),
        "mouth_open": MOUTH_OPEN * talk,
        "mouth_narrow": np.clip(wave(1.0, 0.4, 0.9), 0, 1) * talk,
        "smile": np.clip(wave(1.3, 0.2, 0.4), 0, 1) * (1 - 0.6 * talk),
    }
    return tuple(
        Moment(**{name: float(column[frame]) for name, column in columns.items()})
        for frame in range(frames)
    )


def _wave(rng: np.random.Generator, time_s: Floats, slow_hz: float, fast_hz: float) -> Floats:
    """Two sines of seeded frequency and phase, together within -1 and 1."""
    hz = rng.uniform([slow_hz, fast_hz], [fast_hz, 2 * fast_hz])[:, None]
    phase = rng.uniform(0, 2 * np.pi, (2, 1))
    slow, fast = np.sin(2 * np.pi * hz * time_s + phase)
    return 0.75 * slow + 0.25 * fast


def _syllables(rng: np.random.Generator, time_s: Floats, fps: float) -> Floats:
    """The mouth's opening and closing in speech, 0 to 1, at a wandering two or so per second."""
    rate_hz = 2.2 + 0.9 * _wave(rng, time_s, 0.3, 0.8)
    return np.abs(np.sin(np.pi * np.cumsum(rate_hz) / fps + rng.uniform(0, 3)))


def _blinks(rng: np.random.Generator, time_s: Floats) -> Floats:
    """0 with open lids, 1 while closed; a blink every 1.4 to 3.2 s."""
    longest_s = float(time_s[-1]) + 2
    times_s = np.cumsum(rng.uniform(1.4, 3.2, int(longest_s / 1.4) + 1)) - 1
    return np.clip(1.5 - np.abs(time_s[:, None] - times_s) / BLINK_S, 0, 1).max(1)
