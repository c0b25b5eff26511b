"""A looked-up mesh ends where its person's skin ends."""

import numpy as np

from facepipe.compositing.masks import face_depth
from facepipe.compositing.mesh import warp
from facepipe.compositing.skin import skin_mesh
from facepipe.landmarks.regions import FACE_OVAL, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from facepipe_tests.compositing.painted import mesh_points, paint

SIZE_WH = (320, 320)
SKIN, HAIR = (200, 150, 120), (230, 190, 60)
MIDDLE = 160


def with_hair(points, depth):
    """A face with hair down to its mouth, as deep inside its outline at both temples."""
    picture = paint(points, skin=SKIN)
    x = np.arange(SIZE_WH[0])
    temple = (np.abs(x - MIDDLE) > 40)[None] & (np.arange(SIZE_WH[1]) < MIDDLE + 20)[:, None]
    picture[temple & (face_depth(points, SIZE_WH) < depth)] = HAIR
    return picture


def share_in(points, mesh):
    """How far in each point of the outline was drawn, as a share of its way to the centre."""
    outline, ends = points[list(FACE_OVAL), :2], mesh[list(FACE_OVAL), :2]
    return np.linalg.norm(ends - outline, axis=1) / np.linalg.norm(
        outline - outline.mean(0), axis=1
    )


def test_hair_over_the_temples_is_not_carried_into_the_other_face():
    source, target = mesh_points(), mesh_points(wide=0.9)
    depth = face_depth(target, SIZE_WH)
    rim = (depth > -0.05) & (depth < 0.08)
    shown = warp(with_hair(source, 0.05), source, target, SIZE_WH)[rim]
    golden = shown[:, 2].astype(int) < 100  # skin has more blue
    assert golden.mean() < 0.005


def test_the_mesh_of_bare_skin_is_drawn_in_as_little_as_landmarks_are_wrong():
    points = mesh_points()
    assert share_in(points, skin_mesh(points, paint(points, skin=SKIN))).max() < 0.041


def test_a_beard_is_skin_as_far_as_it_goes():
    points = mesh_points()
    picture = paint(points, skin=SKIN)
    picture[MIDDLE + 30 :] = (60, 45, 40)
    chin = points[list(FACE_OVAL), 1] > MIDDLE + 80
    assert share_in(points, skin_mesh(points, picture))[chin].max() < 0.041


def test_eyes_and_mouth_are_never_moved():
    points = mesh_points()
    mesh = skin_mesh(points, with_hair(points, 0.08))
    features = [*LEFT_EYE, *RIGHT_EYE, *LIPS_OUTER]
    np.testing.assert_allclose(mesh[features], points[features], atol=1e-3)


def test_a_shadow_across_the_face_is_no_edge_of_it():
    points = mesh_points()
    picture = paint(points, skin=SKIN)
    picture[:, : MIDDLE - 45] = np.array(SKIN) * 0.75
    assert share_in(points, skin_mesh(points, picture)).max() < 0.041
