"""The mesh: closed, true to both geometries, and never showing what is turned away."""

import numpy as np
import pytest

from facepipe.compositing.masks import face_depth
from facepipe.compositing.mesh import (
    TRIANGLES,
    raster,
    sample,
    sampling_map,
    smoothed,
    warp,
    with_ring,
)
from facepipe.errors import ShapeError
from facepipe_tests.compositing.painted import mesh_points, paint, turned

SIZE_WH = (320, 320)


def inside(points_px):
    return face_depth(points_px, SIZE_WH) > 0.02


def test_every_pixel_of_the_face_lies_in_a_triangle_eyes_and_open_mouth_included():
    points = mesh_points(mouth_open=20)
    painted = raster(with_ring(points), SIZE_WH).triangle
    assert (painted[inside(points)] >= 0).all()


def test_each_edge_within_the_mesh_is_shared_by_two_triangles():
    edges = np.sort(TRIANGLES[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert set(counts) <= {1, 2}
    assert (counts == 1).sum() == 36  # the outer rim of the ring


def test_a_face_warped_onto_itself_is_itself():
    points = mesh_points()
    picture = paint(points)
    warped = warp(picture, points, points, SIZE_WH)
    # at the outline itself skin from further in is carried outwards
    well_inside = face_depth(points, SIZE_WH) > 0.22
    assert np.abs(warped.astype(int) - picture)[well_inside].max() <= 1


def test_around_the_outline_skin_is_shown_and_not_what_lay_behind_the_person():
    source, target = mesh_points(), mesh_points(wide=0.9)
    behind = paint(source, skin=(200, 150, 120))
    behind[face_depth(source, SIZE_WH) < -0.02] = (0, 255, 0)
    depth = face_depth(target, SIZE_WH)
    around = (depth > -0.08) & (depth < 0.02)
    shown = warp(behind, source, target, SIZE_WH)[around]
    assert np.abs(shown.astype(int) - [200, 150, 120]).max() < 40


def test_a_warped_face_has_the_geometry_of_the_target():
    source, target = mesh_points(), mesh_points(mouth_open=16, wide=0.85)
    warped = warp(paint(source), source, target, SIZE_WH)
    there, both = paint(target).astype(int), inside(target)
    error, before = (np.abs(there - rgb)[both].mean() for rgb in (warped, paint(source)))
    assert error < before / 4


@pytest.mark.parametrize("yaw_deg", [-60.0, -30.0, 30.0, 60.0])
def test_what_is_nearest_is_seen_when_the_head_turns(yaw_deg):
    mesh = with_ring(turned(mesh_points(), yaw_deg))
    drawn = raster(mesh, SIZE_WH)
    on_face = (drawn.triangle >= 0) & (TRIANGLES[drawn.triangle] < 478).all(2)
    rng = np.random.default_rng(0)
    pixels = rng.choice(np.argwhere(on_face), 200, replace=False)
    hidden = [
        mesh[TRIANGLES[drawn.triangle[y, x]], 2] @ shares_at(drawn, x, y)
        - nearest_depth(mesh, x, y)
        for y, x in pixels
    ]
    assert (np.array(hidden) < 4).mean() > 0.97


@pytest.mark.parametrize("yaw_deg", [0.0, -40.0])
def test_each_painted_pixel_has_its_centre_in_its_triangle(yaw_deg):
    mesh = with_ring(turned(mesh_points(mouth_open=12), yaw_deg))
    drawn = raster(mesh, SIZE_WH)
    for y, x in np.argwhere(drawn.triangle >= 0)[::37]:
        shares = shares_at(drawn, x, y)
        assert shares.min() > -1e-6
        assert shares @ mesh[TRIANGLES[drawn.triangle[y, x]], :2] == pytest.approx([x, y], abs=1e-3)


def test_a_mesh_that_hangs_out_of_the_picture_is_drawn_as_far_as_it_reaches():
    mesh = with_ring(mesh_points())
    whole = raster(mesh, SIZE_WH).triangle
    moved = mesh - np.float32([100, 60, 0])
    np.testing.assert_array_equal(raster(moved, (90, 120)).triangle, whole[60:180, 100:190])


def test_a_picture_looked_up_where_it_was_smoothed_is_the_mean_around_each_place():
    points = mesh_points()
    rng = np.random.default_rng(2)
    picture = rng.integers(0, 255, (320, 320, 3), np.uint8)
    half = (points - 0.5) / 2  # a pixel of the small picture covers two by two of the large one
    mesh = with_ring(points)[:, :2] - np.float32(0.5)
    looked_up = sample(
        smoothed(picture, 2), sampling_map(raster(with_ring(half), (160, 160)), mesh)
    )
    means = picture.reshape(160, 2, 160, 2, 3).mean((1, 3))
    assert np.abs(looked_up - means)[face_depth(half, (160, 160)) > 0.02].max() <= 2


def shares_at(drawn, x, y):
    """Barycentric shares `(3,)` of a pixel in its triangle."""
    return drawn.shares[:, :, drawn.triangle[y, x]] @ [x, y, 1]


def nearest_depth(mesh, x, y):
    """The least depth of all triangles of the face over a pixel, one by one."""
    corners = mesh[TRIANGLES[(TRIANGLES < 478).all(1)]]
    edges = np.stack([corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]], -1)[:, :2]
    solvable = np.abs(np.linalg.det(edges)) > 1e-3
    shares = np.linalg.solve(
        edges[solvable], (np.array([x, y]) - corners[solvable, 0, :2])[..., None]
    )[..., 0]
    around = (shares >= -0.05).all(1) & (shares.sum(1) <= 1.05)
    depth = corners[solvable]
    slopes = np.stack([depth[:, 1, 2] - depth[:, 0, 2], depth[:, 2, 2] - depth[:, 0, 2]], 1)
    return (depth[:, 0, 2] + (shares * slopes).sum(1))[around].min(initial=np.inf)


def test_points_of_another_mesh_are_refused():
    with pytest.raises(ShapeError, match=r"points_px must have shape \(478, 3\), got \(468, 3\)"):
        with_ring(np.zeros((468, 3), np.float32))
