"""Faces that things are laid before, and the lessons made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from torch import Tensor

from facepipe.arrays import FloatArray, IntArray, RgbImage, RgbImages, check_shape
from facepipe.identity.face_set import FaceSet
from facepipe.synthetic.fields import smooth_noise
from facepipe.synthetic.materials import Palette
from facepipe.synthetic.pasting import paste_thing, softened
from facepipe.synthetic.things import THINGS
from facepipe.training.data import margin_of, stored_of
from facepipe.training.face_marks import marked

SURE = np.uint8(255)
LAID = (*THINGS, *["hand"] * 6)
"""What is laid before faces, as often as it is named; what films show most are hands."""
_LEAST_VISIBLE = 0.2


@dataclass(frozen=True, eq=False)
class Hosts:
    """Stored squares with what is known of them; on each side an eighth more than is seen.

    Attributes:
        rgb: `(N, P, P, 3)`.
        face: `(N, P, P)` uint8, 255 where the face shows.
        sure: `(N, P, P)` uint8, 255 where `face` is to be believed, 0 where nothing is known.
        group: `(N,)` whose face it is; neighbours in time have the same.
    """

    rgb: RgbImages
    face: RgbImage
    sure: RgbImage
    group: FloatArray

    def __post_init__(self) -> None:
        count, side = self.rgb.shape[:2]
        check_shape(self.rgb, ("N", side, side, 3), name="rgb")
        for name in ("face", "sure"):
            check_shape(getattr(self, name), (count, side, side), name=name)

    def __len__(self) -> int:
        return len(self.rgb)

    @cached_property
    def skin_rgb(self) -> FloatArray:
        """Usual colour `(N, 3)` of each face."""
        found = np.empty((len(self), 3), np.float32)
        for row, (rgb, face) in enumerate(zip(self.rgb, self.face, strict=True)):
            found[row] = np.median(rgb[face > 0] if face.any() else rgb.reshape(-1, 3), 0)
        return found

    def reduced(self, pixels: int) -> "Hosts":
        """For a network that works on squares of such a side."""
        size_wh = (stored_of(pixels), stored_of(pixels))
        rgb, face, sure = (
            np.stack([cv2.resize(each, size_wh, interpolation=cv2.INTER_AREA) for each in planes])
            for planes in (self.rgb, self.face, self.sure)
        )
        return Hosts(rgb, face, np.where(sure == SURE, sure, np.uint8(0)), self.group)

    def some(self, index: Sequence[int] | IntArray) -> "Hosts":
        """Those at these places."""
        rows = np.asarray(index, int)
        return Hosts(self.rgb[rows], self.face[rows], self.sure[rows], self.group[rows])


def joined_hosts(parts: Sequence[Hosts]) -> Hosts:
    """All of them, each part a person of their own."""
    groups = [part.group + 1000 * place for place, part in enumerate(parts)]
    return Hosts(
        np.concatenate([part.rgb for part in parts]),
        np.concatenate([part.face for part in parts]),
        np.concatenate([part.sure for part in parts]),
        np.concatenate(groups),
    )


def hosts_of(faces: FaceSet, labels: RgbImage, most: int) -> Hosts:
    """At most so many of a person's faces, spread in time.

    Args:
        faces: theirs.
        labels: `(N, 320, 320)` uint8: 255 the face shows, 0 it does not, between them unknown.
        most: how many.
    """
    rows = np.unique(np.linspace(0, len(faces) - 1, min(most, len(faces))).round().astype(int))
    known = (labels[rows] == 0) | (labels[rows] == SURE)
    return Hosts(
        rgb=faces.crops_rgb[rows],
        face=np.where(labels[rows] == SURE, SURE, np.uint8(0)),
        sure=known.astype(np.uint8) * SURE,
        group=np.zeros(len(rows), np.float32),
    )


@dataclass(frozen=True, eq=False)
class FaceLesson:
    """What one step learns from.

    Attributes:
        target: `(N, 3, S, S)` RGB in 0..1.
        visible: `(N, 1, S, S)` 0..1, where the face shows.
        sure: `(N, 1, S, S)` 0..1, how much each pixel counts.
        outline: `(N, 1, S, S)` 0..1, the whole face, whatever is before it.
    """

    target: Tensor
    visible: Tensor
    sure: Tensor
    outline: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the network is called with."""
        return (self.target,)


def lesson(
    hosts: Hosts,
    index: Sequence[int],
    swatches: RgbImages,
    rng: np.random.Generator,
    kinds: Sequence[str] = LAID,
) -> FaceLesson:
    """Hosts at these places, moved, with things before most of them, in other light and quality.

    Half of the faces bear drawn beards, lips, folds or glasses, which hide nothing.
    """
    made = [_one(hosts, place, swatches, rng, kinds) for place in index]
    rgb, *masks = (np.stack(planes) for planes in zip(*made, strict=True))
    return FaceLesson(
        torch.from_numpy(np.ascontiguousarray(rgb.transpose(0, 3, 1, 2))).float() / 255,
        *(torch.from_numpy(mask)[:, None] for mask in masks),
    )


def plain_lesson(hosts: Hosts) -> FaceLesson:
    """Hosts as they are, in the network's square."""
    stored_px = hosts.rgb.shape[1]
    inner = slice(margin_of(stored_px), stored_px - margin_of(stored_px))
    planes = [plane[:, None, inner, inner] for plane in (hosts.face, hosts.sure, hosts.face)]
    rgb = np.ascontiguousarray(hosts.rgb[:, inner, inner].transpose(0, 3, 1, 2))
    return FaceLesson(
        torch.from_numpy(rgb).float() / 255,
        *(torch.from_numpy(np.ascontiguousarray(plane)).float() / 255 for plane in planes),
    )


def _one(
    hosts: Hosts, place: int, swatches: RgbImages, rng: np.random.Generator, kinds: Sequence[str]
) -> tuple[RgbImage, FloatArray, FloatArray, FloatArray]:
    stored_px = hosts.rgb.shape[1]
    size_px = stored_px - 2 * margin_of(stored_px)
    move, size_wh = _move(rng, size_px), (size_px, size_px)
    seen = marked(rng, hosts.rgb[place].astype(np.float32), hosts.face[place] / np.float32(255))
    planes = [
        cv2.warpAffine(plane, move, size_wh, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        for plane in (seen, hosts.face[place], hosts.sure[place])
    ]
    rgb, visible, sure = planes[0], planes[1] / 255, planes[2] / 255
    sure, outline = (sure > 0.99).astype(np.float32), visible
    palette = Palette(hosts.skin_rgb[place], swatches)
    for _ in range(int(rng.choice([0, 1, 1, 2]))):
        rgb = rgb * _shade(rng, size_px)
    if rng.random() < 0.2:
        rgb = softened(rgb, size_px * rng.uniform(0.002, 0.024))
    for _ in range(int(rng.choice([0, 1, 1, 2]))):
        mixed, cover = paste_thing(rng, rgb, str(rng.choice(kinds)), palette)
        if (visible * (1 - cover)).sum() < _LEAST_VISIBLE * outline.sum():
            continue  # of a face that nobody would find nothing is to be learnt
        rgb, visible = mixed, visible * (1 - cover)
        sure = np.maximum(sure, cover)  # whatever is there is hidden
    visible, sure, outline = (np.asarray(m, np.float32) for m in (visible, sure, outline))
    return _filmed(rng, rgb), visible, sure, outline


def _move(rng: np.random.Generator, size_px: int) -> FloatArray:
    """From a stored square to the network's: enlarged, turned, shifted, sometimes mirrored."""
    middle = stored_of(size_px) / 2
    turn = cv2.getRotationMatrix2D(
        (middle, middle), float(rng.normal(0, 8)), float(np.exp(rng.normal(0, 0.12)))
    )
    turn[:, 2] += size_px / 2 - middle + rng.normal(0, size_px / 32, 2)
    if rng.random() < 0.5:
        turn[0] = -turn[0] + [0, 0, size_px - 1]
    return turn.astype(np.float32)


def _shade(rng: np.random.Generator, size_px: int) -> FloatArray:
    """Uneven light `(S, S, 3)`, which hides nothing: a bright side, a soft shadow, blotches."""
    colour = 1 + rng.normal(0, 0.08, 3)
    strength = rng.uniform(0.1, 0.5) * rng.choice([-1, 1]) * colour / colour.mean()
    if rng.random() < 0.4:
        blobs = int(rng.integers(2, 7))
        uneven = np.clip(0.6 * smooth_noise(rng, (size_px, size_px), blobs, blobs), -1, 1)
    else:
        turn, at = rng.uniform(0, 2 * np.pi), rng.uniform(-0.3, 0.3)
        y, x = (np.mgrid[0:size_px, 0:size_px] / size_px - 0.5).astype(np.float32)
        way = (x * np.cos(turn) + y * np.sin(turn) - at) / rng.uniform(0.03, 0.6)
        uneven = np.clip(way, -1, 1)
    return (1 + uneven[..., None] * strength).astype(np.float32)


def _filmed(rng: np.random.Generator, rgb: FloatArray) -> RgbImage:
    """As a camera and a codec leave it: other exposure and colours, softer, noisy, compressed."""
    gain = np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.06, 3))
    picture = np.clip(rgb * gain.astype(np.float32) + rng.normal(0, 8), 0, 255)
    picture = 255 * (picture / 255) ** np.float32(np.exp(rng.normal(0, 0.2)))
    if rng.random() < 0.06:
        picture = np.repeat(picture.mean(-1, keepdims=True), 3, -1)
    if rng.random() < 0.4:
        size_px = len(picture)
        small = int(size_px * rng.uniform(0.25, 0.9))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.4:
        picture = picture + rng.standard_normal(picture.shape, np.float32) * rng.uniform(0, 8)
    film = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))]
        film = cv2.imdecode(cv2.imencode(".jpg", film, quality)[1], cv2.IMREAD_COLOR)
    return np.asarray(film, np.uint8)
