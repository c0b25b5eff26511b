"""Drawn people whose faces are known to the pixel, so that an occluder need be taught on nobody."""

from collections.abc import Sequence

import cv2
import numpy as np

from facepipe.arrays import BoolArray, FloatArray, RgbImage
from facepipe.landmarks.alignment import FACE_PX, cut, face_transform
from facepipe.synthetic.materials import backdrop
from facepipe.synthetic.motion import MotionSettings
from facepipe.synthetic.people import Identity
from facepipe.synthetic.scene import Clip, render
from facepipe.synthetic.truth import Truth
from facepipe.training.occluder_data import SURE, Hosts

_FIVE = ("pupil_r", "pupil_l", "nose_tip", "mouth_r", "mouth_l")
_DRAWN_PX = 400
"""Of a picture whose faces are about as large as in a stored square."""
_MOTION = MotionSettings(yaw_deg=40, pitch_deg=20, roll_deg=10)


def drawn_hosts(seeds: Sequence[int], moments: int, pixels: int = 256) -> Hosts:
    """Synthetic people, so many moments of each before other backgrounds, with exact faces.

    Args:
        seeds: who.
        moments: how many of each.
        pixels: side of the squares that a network will see of them, 128 or 256; it takes a third
            of the time to draw for 128.
    """
    size = _DRAWN_PX if pixels > 128 else _DRAWN_PX * 3 // 5
    parts: list[tuple[RgbImage, RgbImage]] = []
    for seed in seeds:
        rng = np.random.default_rng([seed, 3])
        clip = Clip(seeds=(seed,), size=size, frames=90, motion=_MOTION)
        for rgb, truth in render(clip, np.linspace(0, 89, moments).astype(int).tolist()):
            five = np.stack([truth.point_px(name)[0] for name in _FIVE])
            # pixels have their centres at whole numbers here, and at halves in the truth
            move = face_transform(five.astype(np.float32) - 0.5)
            face = np.dstack([_whole(truth.face[0], Identity.sample(seed).glasses)] * 3)
            elsewhere = _before(rgb, truth, backdrop(rng, size))
            parts.append((cut(elsewhere, move, FACE_PX), cut(face, move, FACE_PX)[..., 0]))
    faces = np.stack([face for _, face in parts])
    return Hosts(
        rgb=np.stack([rgb for rgb, _ in parts]),
        face=np.where(faces > 127, SURE, np.uint8(0)),
        sure=np.full_like(faces, SURE),
        group=np.repeat(np.arange(len(seeds), dtype=np.float32), moments),
    )


def _before(rgb: RgbImage, truth: Truth, background: FloatArray) -> RgbImage:
    """The person of a frame before another background."""
    share = cv2.GaussianBlur(truth.person[0].astype(np.float32), (0, 0), 0.8)[..., None]
    return np.clip(rgb * share + background * (1 - share), 0, 255).astype(np.uint8)


def _whole(skin: BoolArray, glasses: bool) -> RgbImage:
    """Eyes, mouth and glasses belong to the face `(H, W)` whose skin is around them."""
    shown = skin.astype(np.uint8)
    if glasses:  # their temples reach to the outline, so that they are no holes
        shown = cv2.morphologyEx(shown, cv2.MORPH_CLOSE, _wire(len(skin)))
    outlines, _ = cv2.findContours(shown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(skin.shape, np.uint8)
    return np.asarray(cv2.drawContours(filled, outlines, -1, 255, cv2.FILLED), np.uint8)


def _wire(size: int) -> RgbImage:
    """What closes a gap as wide as a frame of glasses in a picture of such a side."""
    wide = 11 * size // _DRAWN_PX | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)), np.uint8)
