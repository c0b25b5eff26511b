"""What things before a face are made of: skin, hair, cloth, print, or patches of real pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

from facepipe.arrays import FloatArray, RgbImages
from facepipe.synthetic.fields import Floats, blurred, smooth_noise
from facepipe.synthetic.people import HAIRS, SKINS


@dataclass(frozen=True, eq=False)
class Palette:
    """What colours and textures can be taken from.

    Attributes:
        skin_rgb: `(3,)` usual colour of the face's own skin, 0-255.
        swatches: `(N, P, P, 3)` pictures of anything; none at all if N is 0.
    """

    skin_rgb: FloatArray
    swatches: RgbImages


def material(rng: np.random.Generator, kind: str, size_px: int, palette: Palette) -> Floats:
    """A texture `(S, S, 3)`, 0-255, for a thing of this kind."""
    if kind == "hand":
        return skin(rng, size_px, palette)
    if kind == "hair":
        return _plain(rng, size_px, np.array(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.4, 2))
    choice = rng.random()
    if choice < 0.2 and len(palette.swatches):
        return _patch(rng, size_px, palette.swatches)
    if choice < 0.4:
        return skin(rng, size_px, palette)
    return _printed(rng, size_px) if choice < 0.65 else _plain(rng, size_px, _any_colour(rng))


def skin(rng: np.random.Generator, size_px: int, palette: Palette) -> Floats:
    """Skin like the face's own, or somebody else's: blotched, and as fine as a real picture."""
    tone = np.array(palette.skin_rgb, np.float32)
    if rng.random() < 0.25:
        tone = np.array(SKINS[rng.integers(len(SKINS))], np.float32)
    tone = tone * np.exp(rng.normal(0, 0.17)) * rng.normal(1, [0.06, 0.05, 0.06])
    shape = (size_px, size_px)
    blotches = smooth_noise(rng, shape, 4, 4) * rng.uniform(0, 0.09)
    red = smooth_noise(rng, shape, 3, 3) * rng.uniform(0, 0.08)
    texture = tone * (1 + blotches[..., None])
    texture = texture * (1 + red[..., None] * np.array([0.6, -1, -0.8]))
    if len(palette.swatches):
        picture = _patch(rng, size_px, palette.swatches)
        fine = picture - cv2.GaussianBlur(picture, (0, 0), rng.uniform(2, 8))
        texture = texture + np.clip(fine.mean(-1, keepdims=True), -25, 25) * rng.uniform(0, 0.9)
    creases = np.abs(smooth_noise(rng, shape, 24, 3)) < 0.04
    texture = texture * (1 - rng.uniform(0, 0.25) * creases[..., None])
    return texture.astype(np.float32)


def backdrop(rng: np.random.Generator, size_px: int) -> Floats:
    """What may be behind somebody `(S, S, 3)`, 0-255: a wall, a print, a cluttered room."""
    picture = _printed(rng, size_px) if rng.random() < 0.3 else _plain(rng, size_px, _any_tone(rng))
    for _ in range(int(rng.choice([0, 4, 12, 30]))):
        x, y = rng.uniform(0, size_px, 2)
        half = size_px * rng.uniform(0.01, 0.3, 2)
        box = ((x, y), tuple(2 * half), rng.choice([0.0, rng.uniform(0, 180)]))
        outline = (
            cv2.boxPoints(box)
            if rng.random() < 0.7
            else cv2.ellipse2Poly(
                (int(x), int(y)), (int(half[0]), int(half[1])), int(box[2]), 0, 360, 10
            )
        )
        cv2.fillPoly(picture, [np.round(outline).astype(np.int32)], _any_tone(rng).tolist())
    blur = size_px * rng.choice([0.0, 0.004, 0.02])
    return blurred(picture, float(blur)) if blur else picture


def _any_tone(rng: np.random.Generator) -> Floats:
    """Any colour; now and then one that skin could have."""
    if rng.random() < 0.2:
        return np.array(SKINS[rng.integers(len(SKINS))]) * rng.uniform(0.5, 1.2)
    return _any_colour(rng)


def _patch(rng: np.random.Generator, size_px: int, swatches: RgbImages) -> Floats:
    """A random part of one of the pictures, turned, mirrored and in other colours."""
    picture = swatches[rng.integers(len(swatches))]
    side = len(picture)
    length = int(side * rng.uniform(0.08, 0.3))  # of more, a face before a face is recognised
    top, left = rng.integers(0, side - length + 1, 2)
    part = picture[top : top + length, left : left + length]
    part = np.rot90(part, int(rng.integers(4)))
    if rng.random() < 0.5:
        part = part[:, ::-1]
    large = cv2.resize(np.ascontiguousarray(part), (size_px, size_px)).astype(np.float32)
    return large * rng.uniform(0.6, 1.5) * rng.uniform(0.8, 1.2, 3).astype(np.float32)


def _printed(rng: np.random.Generator, size_px: int) -> Floats:
    """Stripes, checks or blotches of two colours."""
    y, x = np.mgrid[0:size_px, 0:size_px].astype(np.float32) / size_px
    turn, waves = rng.uniform(0, np.pi), rng.uniform(3, 40)
    stripes = np.sin(2 * np.pi * waves * (x * np.cos(turn) + y * np.sin(turn)))
    pattern = stripes
    if rng.random() < 0.4:
        pattern = stripes * np.sin(2 * np.pi * waves * (y * np.cos(turn) - x * np.sin(turn)))
    elif rng.random() < 0.5:
        blobs = int(rng.integers(3, 30))
        pattern = smooth_noise(rng, (size_px, size_px), blobs, blobs)
    share = np.clip(0.5 + rng.uniform(0.5, 4) * pattern, 0, 1)[..., None]
    return (_any_colour(rng) * (1 - share) + _any_colour(rng) * share).astype(np.float32)


def _plain(rng: np.random.Generator, size_px: int, rgb: Floats) -> Floats:
    """One colour, a little uneven."""
    uneven = 1 + rng.uniform(0, 0.15) * smooth_noise(rng, (size_px, size_px), 4, 4)
    return (uneven[..., None] * rgb).astype(np.float32)


def _any_colour(rng: np.random.Generator) -> Floats:
    grey = rng.uniform(10, 245)
    return np.clip(grey + rng.normal(0, rng.uniform(0, 70), 3), 0, 255)
