"""Painted faces on a true mesh: MediaPipe's triangles laid out flat, contours where they belong."""

from functools import cache

import cv2
import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from facepipe.compositing.mesh import TRIANGLES
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_PX, NETWORK_112
from facepipe.landmarks.regions import (
    FACE_OVAL,
    LEFT_BROW,
    LEFT_EYE,
    LIPS_INNER,
    LIPS_OUTER,
    POINTS,
    RIGHT_BROW,
    RIGHT_EYE,
    fill_region,
)

FIVE = NETWORK_112 * 2 + 32


def _ring(centre, radii, count, first_deg, turn):
    angle = np.radians(first_deg) + turn * 2 * np.pi * np.arange(count) / count
    return np.asarray(centre) + np.stack([np.cos(angle), np.sin(angle)], 1) * radii


@cache
def _layout():
    """`(478, 2)` a face with closed lips: contours pinned, the rest where neighbours pull it."""
    mouth = (FIVE[3] + FIVE[4]) / 2
    pinned = {468: FIVE[0], 473: FIVE[1], 1: FIVE[2]}
    for outline, centre, radii, first_deg, turn in (
        (FACE_OVAL, (160, 170), (92, 118), -90, 1),
        (RIGHT_EYE, FIVE[0], (15, 7), 180, -1),
        (LEFT_EYE, FIVE[1], (15, 7), 0, 1),
        (LIPS_OUTER, mouth, (32, 12), 180, -1),
        (LIPS_INNER, mouth, (24, 2), 180, -1),
    ):
        places = _ring(centre, radii, len(outline), first_deg, turn)
        pinned.update(dict(zip(outline, places, strict=True)))
    surface = TRIANGLES[:852]
    near = sp.lil_matrix((POINTS, POINTS))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        near[surface[:, a], surface[:, b]] = near[surface[:, b], surface[:, a]] = 1
    pull = (sp.diags(np.asarray(near.sum(1)).ravel()) - near).tolil()
    wanted = np.zeros((POINTS, 2))
    for index in range(POINTS):
        if index in pinned or not near.rows[index]:
            pull.rows[index], pull.data[index] = [index], [1.0]
            wanted[index] = pinned.get(index, FIVE[0] if index < 473 else FIVE[1])
    return np.column_stack([spsolve(pull.tocsr(), wanted[:, k]) for k in (0, 1)])


def mesh_points(mouth_open=0.0, wide=1.0):
    """A frontal face `(478, 3)` in pixels of the stored crop; `mouth_open` in pixels."""
    flat = _layout().copy()
    centre = (FIVE[3] + FIVE[4]) / 2
    for outline in (LIPS_INNER, LIPS_OUTER):
        rows = list(outline)
        half = np.sin(np.pi * np.clip((flat[rows, 0] - centre[0]) / 64 + 0.5, 0, 1))
        flat[rows, 1] += np.sign(flat[rows, 1] - centre[1]) * half * mouth_open / 2
    flat[:, 0] = 160 + (flat[:, 0] - 160) * wide
    away = ((flat - [160, 170]) / [92, 118]) ** 2
    return np.column_stack([flat, 70 * away.sum(1) - 40]).astype(np.float32)


def turned(points_px, yaw_deg):
    """The points turned about the head's middle; the nose goes to the right of the image."""
    middle = np.array([160, 170, 40])
    turn = np.radians(yaw_deg)
    spin = np.array([[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]])
    return ((points_px - middle) @ spin.T + middle).astype(np.float32)


def paint(points_px, *, skin=(200, 150, 120), brow=(60, 40, 30), mouth=(90, 20, 30), glasses=False):
    """A picture `(320, 320, 3)` of a face on grey, smooth enough to be bent."""
    picture = np.full((FACE_PX, FACE_PX, 3), 110, np.uint8)

    def fill(outline, colour):
        picture[fill_region(points_px, outline, (FACE_PX, FACE_PX))] = colour

    fill(FACE_OVAL, skin)
    for outline in (RIGHT_BROW, LEFT_BROW):
        around = cv2.convexHull(points_px[list(outline), :2])[:, 0].round().astype(int)
        cv2.fillConvexPoly(picture, around, brow)
    for outline, iris in ((RIGHT_EYE, 468), (LEFT_EYE, 473)):
        fill(outline, (235, 235, 235))
        cv2.circle(picture, points_px[iris, :2].round().astype(int), 5, brow, -1)
        if glasses:
            cv2.circle(picture, points_px[iris, :2].round().astype(int), 26, (10, 10, 10), 3)
    fill(LIPS_OUTER, (190, 80, 90))
    fill(LIPS_INNER, mouth)
    return cv2.GaussianBlur(picture, (0, 0), 1.2)


def face_set(points, pictures, track_id=0):
    """A `FaceSet` of pictures `(320, 320, 3)` with their points `(478, 3)`."""
    n = len(points)
    return FaceSet(
        crops_rgb=np.stack(pictures),
        masks=np.stack([fill_region(face, FACE_OVAL, (FACE_PX, FACE_PX)) for face in points]),
        points_px=np.stack(points).astype(np.float32),
        transforms=np.stack([np.eye(2, 3, dtype=np.float32)] * n),
        pose_deg=np.zeros((n, 3), np.float32),
        sharpness=np.full(n, 100, np.float32),
        score=np.full(n, 0.9, np.float32),
        face_px=np.full(n, 230, np.float32),
        source=np.zeros(n, np.int32),
        frame_index=np.arange(n, dtype=np.int32),
        pts_s=np.arange(n, dtype=np.float32) / 25,
        scene=np.zeros(n, np.int32),
        track_id=np.full(n, track_id, np.int32),
        sources=("clip.mp4",),
    )


def person(skin=(200, 150, 120), mouths=(0.0, 4.0, 8.0), yaws=(-20.0, 0.0, 20.0)):
    """A `FaceSet` of one person, a face for each opening of the mouth and turn of the head."""
    points = [turned(mesh_points(opening), yaw) for opening in mouths for yaw in yaws]
    return face_set(points, [paint(face, skin=skin) for face in points])
