"""Faces reach the network in place, held-out ones stay out, every yaw comes equally often."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from facepipe.compositing.masks import face_depth
from facepipe.training.augment import draw_change, lit, looked_up, sampled, unchanged
from facepipe.training.batches import Part, Person, Pictures, draw_faces, lessons
from facepipe.training.data import even_weights, held_out_faces, load_faces, network_square
from facepipe.training.settings import TrainingSettings
from facepipe.training.textures import (
    average_mesh,
    lookups,
    texture_pictures,
    typical_faces,
)

STILL = TrainingSettings(shift_px=0, turn_deg=0, zoom=0, bend_px=0, light=0)
LIVELY = TrainingSettings()
CPU = torch.device("cpu")


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def centre_of(plane):
    """`(x, y)` of the mass of a plane `(H, W)`."""
    y, x = torch.meshgrid(*(torch.arange(n).float() for n in plane.shape), indexing="ij")
    return torch.stack([(plane * x).sum(), (plane * y).sum()]) / plane.sum()


def test_a_dot_at_a_landmark_stays_at_the_landmark(make_faces):
    faces = make_faces(3)
    dotted = np.zeros_like(faces.crops_rgb)
    for crop, point in zip(dotted, faces.points_px[:, 468], strict=True):
        x, y = np.round(point[:2]).astype(int)
        crop[y, x] = 255
    rounded = faces.points_px.copy()
    rounded[:, 468, :2] = np.round(rounded[:, 468, :2])
    loaded = load_faces(replace(faces, crops_rgb=dotted, points_px=rounded), held_out_every=5)
    for plane, point in zip(loaded.rgb[:, 0].float(), loaded.points_px[:, 468], strict=True):
        np.testing.assert_allclose(centre_of(plane), point[:2], atol=0.3)


def test_held_out_faces_are_never_drawn(make_faces):
    faces = load_faces(make_faces(20), held_out_every=5)
    drawn = draw_faces(faces, 2000, chance())
    assert faces.held_out.sum() == 4
    assert not faces.held_out[drawn.numpy()].any()
    assert set(drawn.tolist()) == set(faces.trained.tolist())


def test_held_out_faces_come_in_blocks_of_neighbours():
    held_out = held_out_faces(400, every=5)
    borders = np.flatnonzero(np.diff(held_out.astype(int)))
    assert np.diff(borders)[::2].min() == 8
    assert 0.15 < held_out.mean() < 0.25


def test_a_handful_of_faces_is_trained_on_and_judged_whole(make_faces):
    faces = load_faces(make_faces(3), held_out_every=5)
    assert len(faces.trained) == len(faces.judged) == 3


def test_rare_poses_come_as_often_as_common_ones_up_to_a_limit():
    yaw = np.array([0.0] * 90 + [30.0] * 10 + [80.0], np.float32)
    weights = even_weights(yaw, np.zeros(101, np.float32))
    assert weights[:90].sum() < 4 * weights[90:100].sum()
    assert weights.max() <= 4.0


def test_a_rare_smile_comes_as_often_as_a_closed_mouth_of_the_same_pose():
    opening = np.array([0.01] * 80 + [0.2] * 20, np.float32)
    weights = even_weights(np.zeros(100, np.float32), opening)
    assert weights[:80].sum() == pytest.approx(float(weights[80:].sum()))


def test_without_movement_a_face_is_the_plain_network_square(make_faces):
    stored = load_faces(make_faces(2), held_out_every=5).rgb
    change = draw_change(2, STILL, chance())
    plain = network_square(stored)
    torch.testing.assert_close(sampled(stored, change.bent), plain, atol=1e-4, rtol=0)
    assert torch.equal(lit(network_square(stored), change), network_square(stored))


def test_picture_and_mask_bend_together(make_faces):
    faces = load_faces(make_faces(2), held_out_every=5)
    both = torch.cat([faces.regions[:, :1], faces.regions[:, :1]], dim=1)
    change = draw_change(2, LIVELY, chance())
    bent = sampled(both, change.bent)
    assert torch.equal(bent[:, 0], bent[:, 1])
    assert not torch.allclose(bent, sampled(both, unchanged(2)), atol=0.05)


def test_a_face_looked_up_where_its_lookup_says_is_the_face_again(make_faces):
    """What the networks learn: textures, mesh and lookups have to belong together."""
    stored = make_faces(6)
    faces = load_faces(stored, held_out_every=5)
    mesh = average_mesh(faces)
    textures = texture_pictures(stored, np.array([2], np.int32), mesh)
    known = looked_up(lookups(faces, mesh)[2:3], unchanged(1))
    grid = (known[:, :2].permute(0, 2, 3, 1) * 2 + 1) / 160 - 1
    found = torch.nn.functional.grid_sample(textures / 255, grid, align_corners=False)
    # the outline shows skin from further in
    depth = torch.from_numpy(face_depth(faces.points_px[2] - np.float32([16, 16, 0]), (128, 128)))
    inside = ((known[:, 2:] > 0.999) & (depth > 0)).expand_as(found)
    off = (found - network_square(faces.rgb[2:3])).abs()[inside]
    assert off.mean() < 0.03
    assert inside.float().mean() > 0.3


def test_typical_faces_are_sharp_ones_trained_on_and_unlike_each_other(make_faces):
    faces = make_faces(20)
    faces.sharpness[::2] = 10.0
    held_out = held_out_faces(20, every=5)
    chosen = typical_faces(faces, held_out, 4)
    assert len(set(chosen.tolist())) == 4
    assert not held_out[chosen].any()
    assert (faces.sharpness[chosen] > 50).all()


def test_few_faces_serve_as_textures_several_times(make_faces):
    assert len(typical_faces(make_faces(2), np.zeros(2, bool), 6)) == 6


@pytest.mark.parametrize("becomes", ["themselves", "untouched", "something else"])
def test_a_lesson_shows_of_each_picture_what_that_alone_would_show(make_faces, becomes):
    faces, index = load_faces(make_faces(5), held_out_every=5), torch.tensor([3, 0, 3])
    source = torch.nn.functional.normalize(torch.ones(1, 512))
    person = Person(faces, source, lookups(faces, average_mesh(faces)))
    pictures = {
        "themselves": person.themselves,
        "untouched": person.untouched,
        "something else": Pictures(255 - faces.rgb, faces.regions[:, 1:2]),
    }[becomes]
    clean = replace(LIVELY, degraded=0)
    batch = lessons([Part(person, index, source, pictures)], clean, chance(), CPU)
    change = draw_change(3, clean, chance())
    for drawn, picture in ((batch.target, faces.rgb), (batch.wanted, pictures.rgb)):
        assert torch.equal(drawn, lit(sampled(picture[index], change.bent), change))
    assert torch.equal(batch.believed, sampled(pictures.mask[index], change.bent))
    assert torch.equal(batch.lookup, looked_up(person.lookup[index], change.bent))


def test_a_lesson_of_several_parts_shows_each_as_if_it_were_alone(make_faces):
    faces = load_faces(make_faces(5), held_out_every=5)
    source = torch.nn.functional.normalize(torch.ones(1, 512))
    person = Person(faces, source, lookups(faces, average_mesh(faces)))
    inverted = Pictures(255 - faces.rgb, faces.regions[:, 1:2])
    wishes = [
        Part(person, torch.tensor([3, 0]), source, inverted),
        Part(person, torch.tensor([1]), -source, person.themselves),
        Part(person, torch.tensor([2, 2]), source, person.untouched),
    ]
    clean = replace(LIVELY, degraded=0)
    batch, change = lessons(wishes, clean, chance(), CPU), draw_change(5, clean, chance())
    end = 0
    for part in wishes:
        some = slice(end, end := end + len(part.index))
        seen = change[some]
        for drawn, picture in ((batch.target, faces.rgb), (batch.wanted, part.pictures.rgb)):
            alone = lit(sampled(picture[part.index], seen.bent), seen)
            torch.testing.assert_close(drawn[some], alone)
        torch.testing.assert_close(
            batch.believed[some], sampled(part.pictures.mask[part.index], seen.bent)
        )
        assert torch.equal(batch.source[some], part.source.expand(len(part.index), -1))


def test_the_same_chance_gives_the_same_change():
    one, same, other = (draw_change(2, LIVELY, chance(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.bent, same.bent)
    assert torch.equal(one.gain, same.gain)
    assert not torch.equal(one.bent, other.bent)


def test_no_face_is_mirrored():
    change = draw_change(50, replace(LIVELY, bend_px=0), chance())
    x = change.bent[..., 0]
    assert (x[:, :, 1:] > x[:, :, :-1]).all()


@pytest.mark.parametrize("name", ["shift_px", "turn_deg", "zoom"])
def test_each_movement_stays_within_its_limit(name):
    change = draw_change(200, replace(STILL, **{name: getattr(LIVELY, name)}), chance())
    still = draw_change(1, STILL, chance())
    moved_px = (change.bent - still.bent).abs().max() * 159 / 2
    most = {"shift_px": 2.0, "turn_deg": 63.5 * 0.0725, "zoom": 63.5 * 0.04}[name]
    assert 0.5 * most < moved_px < 1.01 * most
