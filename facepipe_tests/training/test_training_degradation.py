"""Some of the faces drawn over are soft and compressed; what is wanted of them stays sharp."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from facepipe.errors import SettingsError
from facepipe.training.batches import Part, Person, lessons
from facepipe.training.data import load_faces
from facepipe.training.degradation import degraded
from facepipe.training.settings import TrainingSettings
from facepipe.training.textures import average_mesh, lookups

USUAL = TrainingSettings()
ALL = replace(USUAL, degraded=1.0)
NONE = replace(USUAL, degraded=0.0)
JPEG_ALONE = replace(ALL, blur_px=0.0)
BLUR_ALONE = replace(ALL, jpeg_quality=100)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def patterned(count):
    """Smooth coloured pictures `(N, 3, 128, 128)` with fine stripes on them."""
    wave = torch.linspace(0, 40, 128).sin() / 4 + torch.arange(128) % 2 / 4 + 0.25
    picture = torch.stack(
        [wave[:, None] * torch.ones(128), wave * torch.ones(128, 1), wave.outer(wave)]
    )
    return picture.clamp(0, 1).expand(count, -1, -1, -1)


def off(settings, count=40):
    """How far each picture's brightness is from what it was, `(N,)`; JPEG halves all colour."""
    before = patterned(count)
    change = degraded(before, settings, chance()) - before
    bright = torch.tensor([0.299, 0.587, 0.114])[:, None, None] * change
    return bright.sum(1).abs().mean((1, 2))


@pytest.fixture(scope="module")
def person(make_faces, embeddings):
    squares = load_faces(make_faces(6), 5)
    lookup = lookups(squares, average_mesh(squares))
    return Person(squares, torch.from_numpy(embeddings[:1]), lookup)


def lesson(person, settings):
    part = Part(person, torch.arange(6), person.source, person.themselves)
    return lessons([part], settings, chance(), torch.device("cpu"))


def test_only_what_is_drawn_over_is_degraded(person):
    clean, soft = lesson(person, NONE), lesson(person, ALL)
    for name in ("source", "wanted", "believed", "weight", "lookup"):
        assert torch.equal(getattr(clean, name), getattr(soft, name))
    assert torch.equal(clean.target, clean.wanted)
    assert ((soft.target - clean.target).abs().amax((1, 2, 3)) > 0.01).all()


def test_the_same_chance_gives_the_same_bytes():
    one, same, other = (degraded(patterned(4), ALL, chance(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_about_the_share_asked_for_is_degraded_and_the_rest_left_alone():
    changed = off(USUAL, 400) > 0
    assert 0.19 < changed.float().mean() < 0.31


def test_where_none_is_asked_for_no_chance_is_drawn():
    generator, before = chance(), patterned(2)
    assert degraded(before, NONE, generator) is before
    assert torch.equal(generator.get_state(), chance().get_state())


def test_blur_takes_fine_stripes_away_and_keeps_colours():
    before, after = patterned(40), degraded(patterned(40), BLUR_ALONE, chance())
    fine = [(some[:, 0, 1:] - some[:, 0, :-1]).abs().mean((1, 2)) for some in (before, after)]
    assert fine[1].min() < 0.5 * fine[0][0]
    assert (fine[1] <= fine[0] * 1.01).all()
    torch.testing.assert_close(after.mean((2, 3)), before.mean((2, 3)), atol=0.01, rtol=0)


def test_blur_is_as_wide_on_a_larger_square_as_a_share_of_it():
    """On twice the pixels of each stripe, it takes about as much away."""
    small = patterned(10)
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    settings = replace(BLUR_ALONE, blur_px=2.0)
    lost = [
        (degraded(picture, settings, chance()) - picture).abs().mean() for picture in (small, large)
    ]
    assert float(lost[1]) == pytest.approx(float(lost[0]), rel=0.1)


def test_every_strength_up_to_the_strongest_comes():
    strengths = off(JPEG_ALONE, 200)
    assert strengths.max() > 4 * strengths.min()
    stronger = off(replace(JPEG_ALONE, jpeg_quality=5), 200)
    assert stronger.max() > 1.5 * strengths.max()


def test_compression_is_that_of_a_jpeg_file():
    """At the worst quality allowed to all, just what OpenCV's own reader gives back."""
    worst = replace(JPEG_ALONE, jpeg_quality=100)
    bgr = (patterned(1)[0].permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(np.uint8)
    _, packed = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 100])
    wanted = cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1].transpose(2, 0, 1) / 255
    found = degraded(patterned(1), worst, chance())[0]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [{"degraded": 1.5}, {"degraded": -0.1}, {"jpeg_quality": 0}, {"jpeg_quality": 101}]
)
def test_shares_and_qualities_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        replace(USUAL, **wrong)
