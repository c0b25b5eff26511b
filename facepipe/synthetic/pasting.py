"""Lay a drawn thing before a picture: its light, shadow and blur, and exactly what it hides."""

from dataclasses import replace

import cv2
import numpy as np

from facepipe.arrays import FloatArray
from facepipe.synthetic.fields import Floats, blurred
from facepipe.synthetic.materials import Palette, material
from facepipe.synthetic.sprites import Sprite
from facepipe.synthetic.things import THINGS


def paste_thing(
    rng: np.random.Generator, rgb: FloatArray, kind: str, palette: Palette
) -> tuple[FloatArray, FloatArray]:
    """A thing of this kind before a picture; see `paste`."""
    size_px = len(rgb)
    sprite = THINGS[kind](rng, size_px)
    texture = material(rng, kind, size_px, palette)
    if kind == "hair":
        sprite = replace(sprite, alpha=sprite.alpha * np.float32(rng.uniform(0.6, 1)))
    return paste(rng, rgb, sprite, texture)


def paste(
    rng: np.random.Generator, rgb: FloatArray, sprite: Sprite, texture: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The picture `(S, S, 3)`, 0-255, with a thing before it, and the thing's cover `(S, S)`.

    The cover, 0 to 1, is the share of each pixel that shows the thing: the picture is exactly
    `cover * thing + (1 - cover) * shaded picture`. It may miss the square.
    """
    thing = texture * _lit(rng, sprite)[..., None]
    below = rgb * _shadow(rng, sprite.alpha, len(rgb))[..., None]
    cover, thing, below = _defocused(rng, sprite.alpha, thing, below)
    share = cover[..., None]
    mixed = share * np.clip(thing, 0, 255) + (1 - share) * below
    return mixed.astype(np.float32), cover.astype(np.float32)


def _lit(rng: np.random.Generator, sprite: Sprite) -> Floats:
    """Brightness `(S, S)` of a relief in a light from anywhere in front."""
    smooth = blurred(sprite.relief, len(sprite.relief) * rng.uniform(0.005, 0.02))
    slope_x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.125)
    turn, low = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.2)
    light = np.array([np.cos(turn) * low, np.sin(turn) * low, 1]) / np.sqrt(1 + low * low)
    length = np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    facing = (light[2] - light[0] * slope_x - light[1] * slope_y) / length
    contrast = rng.uniform(0.05, 0.7)
    level = 1 + contrast * (np.clip(facing, 0, 1) - 0.75)
    return np.asarray(level * sprite.tint, np.float32)


def _shadow(rng: np.random.Generator, alpha: Floats, size_px: int) -> Floats:
    """What is left of the light `(S, S)` behind the thing."""
    if rng.random() < 0.4:
        return np.ones_like(alpha)
    way = size_px * rng.normal(0, 0.04, 2)
    move = np.array([[1, 0, way[0]], [0, 1, way[1]]], np.float32)
    moved = np.asarray(cv2.warpAffine(alpha, move, (size_px, size_px)), np.float32)
    dark, reach = np.float32(rng.uniform(0.05, 0.55)), size_px * rng.uniform(0.01, 0.08)
    return 1 - dark * softened(moved, reach)


def _defocused(
    rng: np.random.Generator, cover: Floats, thing: Floats, below: Floats
) -> tuple[Floats, Floats, Floats]:
    """Thing, or picture behind it, out of focus; or the thing moving."""
    choice, size_px = rng.random(), len(cover)
    if choice < 0.35:  # cameras focus on the face
        sigma = size_px * rng.uniform(0.002, 0.03)
        return softened(cover, sigma), softened(thing, sigma), below
    if choice < 0.6:  # or on what is held before it
        return blurred(cover, 0.6), thing, softened(below, size_px * rng.uniform(0.004, 0.03))
    if choice < 0.75:
        return (*_moved(rng, cover, thing), below)
    return blurred(cover, rng.uniform(0.3, 1.0)), thing, below


def softened(plane: Floats, sigma: float) -> Floats:
    """As `fields.blurred`; a strong blur is computed on fewer pixels, at a tenth of the cost."""
    fewer = int(sigma / 1.5)
    if fewer < 2:
        return blurred(plane, max(sigma, 0.3))
    height, width = plane.shape[:2]
    small_wh = (max(width // fewer, 2), max(height // fewer, 2))
    small = cv2.resize(plane, small_wh, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / fewer)
    return np.asarray(cv2.resize(small, (width, height)), np.float32)


def _moved(rng: np.random.Generator, cover: Floats, thing: Floats) -> tuple[Floats, Floats]:
    """Blurred along a straight way."""
    length = int(len(cover) * rng.uniform(0.01, 0.08)) | 1
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(0, 180), 1)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), np.float32)
    kernel /= max(float(kernel.sum()), 1e-6)
    along = [cv2.filter2D(plane.astype(np.float32), -1, kernel) for plane in (cover, thing)]
    return np.asarray(along[0], np.float32), np.asarray(along[1], np.float32)
