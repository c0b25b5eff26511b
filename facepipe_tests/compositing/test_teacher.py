"""The mesh swap: the identity's skin, the target's geometry, light and teeth."""

import numpy as np
import pytest

from facepipe.compositing.masks import face_depth, mouth_interior_mask, skin_mask
from facepipe.compositing.teacher import MeshTeacher
from facepipe.errors import NoFaceError, ShapeError
from facepipe.landmarks.alignment import apply_transform, cut, network_from_face
from facepipe_tests.compositing.painted import face_set, mesh_points, paint, person, turned

PALE, DARK = (215, 175, 150), (120, 80, 60)


def network_face(points, size_px=128, **looks):
    """Crop and points of a painted face as a network sees it."""
    transform = network_from_face(size_px)
    return cut(paint(points, **looks), transform, size_px), apply_transform(transform, points)


@pytest.fixture(scope="module")
def teacher():
    return MeshTeacher(person(PALE))


def test_a_person_swapped_onto_their_own_picture_changes_next_to_nothing(teacher):
    crop, points = network_face(mesh_points(4.0), skin=PALE)
    swap = teacher.swap(crop, points)
    change = np.abs(swap.rgb.astype(int) - crop)[swap.mask > 0.99]
    assert change.mean() < 3


def test_the_swap_has_the_target_s_geometry(teacher):
    crop, points = network_face(mesh_points(0.0, wide=0.85), skin=PALE)
    swap = teacher.swap(crop, points)
    assert np.abs(swap.rgb.astype(int) - crop)[swap.mask > 0.99].mean() < 4


def test_skin_takes_the_target_s_colour(teacher):
    crop, points = network_face(mesh_points(), skin=DARK)
    swap = teacher.swap(crop, points)
    cheeks = skin_mask(points, (128, 128)) > 0
    np.testing.assert_allclose(swap.rgb[cheeks].mean(0), DARK, atol=12)


def test_the_identity_s_brows_replace_the_target_s(teacher):
    points = mesh_points()
    crop, at = network_face(points, skin=PALE, brow=(215, 175, 150))  # no brows at all
    swap = teacher.swap(crop, at)
    there = at[[105, 334], :2].round().astype(int)
    assert (swap.rgb[there[:, 1], there[:, 0]].mean() + 40) < crop[there[:, 1], there[:, 0]].mean()


def test_a_target_s_glasses_go_away_inside_the_mask(teacher):
    points = mesh_points()
    bare, at = network_face(points, skin=PALE)
    worn, _ = network_face(points, skin=PALE, glasses=True)
    swap = teacher.swap(worn, at)
    rims = (np.abs(worn.astype(int) - bare).sum(2) > 120) & (swap.mask > 0.99)
    assert rims.sum() > 50
    assert swap.rgb[rims].mean() > worn[rims].mean() + 60


def test_the_target_s_teeth_show_where_the_identity_has_no_open_mouth():
    closed = MeshTeacher(person(PALE, mouths=(0.0,)))
    crop, points = network_face(mesh_points(20.0), skin=PALE, mouth=(250, 250, 240))
    swap = closed.swap(crop, points)
    teeth = mouth_interior_mask(points, (128, 128), feather=0.25) > 0.99
    np.testing.assert_allclose(swap.rgb[teeth].mean(0), crop[teeth].mean(0), atol=3)
    assert swap.mask[teeth].max() < 0.05
    assert swap.drawn[teeth].max() < 0.05


def test_the_identity_s_own_mouth_shows_where_it_is_as_open():
    able = MeshTeacher(person(PALE, mouths=(0.0, 20.0)))
    crop, points = network_face(mesh_points(20.0), skin=PALE, mouth=(250, 250, 240))
    swap = able.swap(crop, points)
    teeth = mouth_interior_mask(points, (128, 128), feather=0.25) > 0.99
    assert swap.rgb[teeth].mean() < 120  # the identity's mouth is painted dark


def test_the_frame_of_the_same_pose_and_opening_is_taken():
    faces = person(PALE)
    marked = faces.crops_rgb.copy()
    marked[7] = paint(faces.points_px[7], skin=PALE, brow=(30, 200, 30))
    teacher = MeshTeacher(face_set(list(faces.points_px), list(marked)))
    points = turned(mesh_points(8.0), 0)
    swap = teacher.swap(*network_face(points, skin=PALE))
    x, y = apply_transform(network_from_face(), points)[105, :2].round().astype(int)
    red, green, _ = swap.rgb[y, x].astype(int)
    assert green > red + 20


@pytest.mark.parametrize("size_px", [128, 256])
def test_outside_the_mask_s_reach_the_crop_keeps_every_bit(size_px):
    teacher = MeshTeacher(person(PALE), size_px)
    crop, points = network_face(mesh_points(), size_px, skin=DARK)
    swap = teacher.swap(crop, points)
    far = face_depth(points, (size_px, size_px)) < -0.05
    assert far.any()
    np.testing.assert_array_equal(swap.rgb[far], crop[far])
    for edge in (swap.mask[0], swap.mask[-1], swap.mask[:, 0], swap.mask[:, -1]):
        assert not edge.any()


def test_the_same_face_gives_the_same_bits(teacher):
    crop, points = network_face(mesh_points(6.0), skin=DARK)
    first, second = teacher.swap(crop, points), teacher.swap(crop, points)
    np.testing.assert_array_equal(first.rgb, second.rgb)
    np.testing.assert_array_equal(first.mask, second.mask)


def test_a_blurred_picture_is_passed_over_for_a_sharp_one():
    points = mesh_points()
    faces = face_set([points, points], [paint(points, brow=(30, 200, 30)), paint(points)])
    faces.sharpness[0] = 5
    swap = MeshTeacher(faces).swap(*network_face(points))
    x, y = apply_transform(network_from_face(), points)[105, :2].round().astype(int)
    red, green, _ = swap.rgb[y, x].astype(int)
    assert green < red + 20


def test_nobody_cannot_be_shown():
    faces = person()
    nobody = face_set([faces.points_px[0]], [faces.crops_rgb[0]])
    empty = type(nobody)(
        **{
            name: (value if name == "sources" else value[:0])
            for name, value in vars(nobody).items()
        }
    )
    with pytest.raises(NoFaceError, match="0 faces"):
        MeshTeacher(empty)


def test_a_crop_of_another_size_is_refused(teacher):
    with pytest.raises(ShapeError, match="crop_rgb"):
        teacher.swap(np.zeros((64, 64, 3), np.uint8), mesh_points())


def test_what_is_drawn_reaches_to_the_outline_and_hides_nothing_beyond():
    crop, points = network_face(mesh_points(0.0), skin=PALE, mouth=(250, 250, 240))
    swap = MeshTeacher(person(DARK, mouths=(0.0,))).swap(crop, points)
    assert (swap.drawn >= swap.mask - 1e-6).all()
    assert swap.drawn.sum() > 1.1 * swap.mask.sum()
    np.testing.assert_array_equal(swap.rgb[swap.drawn == 0], crop[swap.drawn == 0])
