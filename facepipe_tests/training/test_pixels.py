"""A square of 256 px shows what one of 128 does, finer, and distances in both mean the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from facepipe.compositing.masks import face_depth
from facepipe.errors import SettingsError
from facepipe.training.augment import draw_change, looked_up, unchanged
from facepipe.training.data import MESH_PX, load_faces, margin_of, network_square
from facepipe.training.generator import Generator, GeneratorSettings
from facepipe.training.settings import IdentityTrainingSettings, TrainingSettings
from facepipe.training.task import fineness_notes
from facepipe.training.textures import average_mesh, lookups, texture_pictures


@pytest.fixture(scope="module")
def stored(make_faces):
    return make_faces(6)


@pytest.fixture(scope="module")
def both(stored):
    """The faces for a network that draws 128 px, and for one that draws 256."""
    return load_faces(stored, 5, 128), load_faces(stored, 5, 256)


def coarser(planes):
    return avg_pool2d(planes, 2)


def usual_difference(one, other):
    """Of two lookups of the same faces, where both know the pixel: the median, in px."""
    known = (one[:, 2:] == 1) & (other[:, 2:] == 1)
    assert known.float().mean() > 0.2
    return (one - other)[:, :2][known.expand(-1, 2, -1, -1)].abs().median()


def test_a_network_of_256_px_sees_the_stored_faces_as_they_are(stored, both):
    fine = both[1]
    assert (fine.pixels, fine.stored_px) == (256, 320)
    seen = (network_square(fine.rgb) * 255).round().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(seen, stored.crops_rgb[:, 32:288, 32:288])
    np.testing.assert_array_equal(fine.points_px, stored.points_px)


def test_each_pixel_of_128_covers_four_of_256(both):
    for name, most in (("rgb", 0.5 / 255), ("regions", 0.01)):
        coarse, fine = (network_square(getattr(faces, name)) for faces in both)
        assert (coarse - coarser(fine)).abs().mean() < most, name
    coarse, fine = (faces.points_px for faces in both)
    np.testing.assert_allclose(2 * coarse[..., :2] + 0.5, fine[..., :2], atol=1e-4)


def test_meshes_and_lookups_count_in_the_same_pixels(both):
    meshes = [average_mesh(faces) for faces in both]
    np.testing.assert_allclose(*meshes, atol=1e-4)
    coarse, fine = (
        looked_up(lookups(faces, meshes[0]), unchanged(len(faces.rgb), faces.pixels))
        for faces in both
    )
    assert usual_difference(coarse, coarser(fine)) < 0.1


def test_the_coarse_grid_of_256_px_looks_where_that_of_128_does(both):
    mesh = average_mesh(both[0])
    coarse, fine = (
        looked_up(lookups(faces, mesh), unchanged(len(faces.rgb), faces.pixels, step))
        for faces, step in zip(both, (1, 2), strict=True)
    )
    assert usual_difference(coarse, fine) < 0.1


def test_a_face_looked_up_where_its_lookup_says_is_the_face_again(stored, both):
    fine = both[1]
    mesh = average_mesh(fine)
    textures = texture_pictures(stored, np.array([2], np.int32), mesh)
    known = looked_up(lookups(fine, mesh)[2:3], unchanged(1, 256))
    grid = (known[:, :2].permute(0, 2, 3, 1) * 2 + 1) / MESH_PX - 1
    found = torch.nn.functional.grid_sample(textures / 255, grid, align_corners=False)
    # the outline shows skin from further in
    depth = torch.from_numpy(face_depth(fine.points_px[2] - margin_of(fine.stored_px), (256, 256)))
    inside = ((known[:, 2:] > 0.999) & (depth > 0)).expand_as(found)
    off = (found - network_square(fine.rgb[2:3])).abs()[inside]
    assert (off < 0.02).float().mean() > 0.85
    assert off.mean() < 0.03


def test_the_same_chance_moves_and_bends_faces_alike():
    grids = [
        draw_change(3, TrainingSettings(), torch.Generator().manual_seed(0), pixels).bent
        for pixels in (128, 256)
    ]
    # from -1..1 between the middles of a stored square's outermost pixels to shares of its side
    coarse, fine = (
        ((grid + 1) / 2 * (side - 1) + 0.5) / side
        for grid, side in zip(grids, (160, 320), strict=True)
    )
    off = (coarse.permute(0, 3, 1, 2) - coarser(fine.permute(0, 3, 1, 2))).abs()
    assert off.max() * MESH_PX < 0.1


def test_both_sizes_of_the_generator_agree_on_where_a_pixel_lies():
    coarse, fine = (
        Generator(GeneratorSettings(width=4, blocks=1, textures=1, pixels=pixels))
        for pixels in (128, 256)
    )
    assert torch.equal(coarse.here, coarser(fine.here))
    assert torch.equal(coarse.here[0], fine.coarsely_here)


def test_what_is_usual_is_looked_up_alike_at_both_sizes():
    aside = torch.tensor([3.0, -2.0])[:, None, None]
    inside = torch.zeros(1, 128, 128)
    inside[:, 40:90, 40:90] = 1
    textures = torch.rand(1, 3, 10, 10, generator=torch.Generator().manual_seed(1))
    smooth = torch.nn.functional.interpolate(255 * textures, 320, mode="bilinear").byte()
    drawings = []
    for pixels in (128, 256):
        shape = GeneratorSettings(width=4, blocks=1, textures=1, pixels=pixels)
        network = Generator(shape).eval()
        for quiet in network.heads:
            torch.nn.init.zeros_(quiet.weight)
        network.furnish(smooth, network.mesh, network.coarsely_here + aside, inside)
        with torch.no_grad():
            target = torch.full((1, 3, pixels, pixels), 0.5)
            drawings.append(network(target, torch.nn.functional.normalize(torch.ones(1, 512))))
    coarse, fine = drawings
    torch.testing.assert_close(coarse.lookup, coarser(fine.lookup), atol=0.02, rtol=0)
    torch.testing.assert_close(coarse.mask, coarser(fine.mask), atol=0.25, rtol=0)
    torch.testing.assert_close(coarse.face, coarser(fine.face), atol=0.02, rtol=0)


def test_another_size_is_refused_in_a_line():
    with pytest.raises(SettingsError, match=r"^pixels is 192; known: 128, 256$"):
        replace(IdentityTrainingSettings(), pixels=192)


def test_it_is_told_where_the_film_shows_no_more_than_128_px(stored):
    assert fineness_notes(stored, 256) == []
    small = replace(stored, transforms=3 * stored.transforms)
    (note,) = fineness_notes(small, 256)
    assert "85 px wide" in note
    assert fineness_notes(small, 128) == []
