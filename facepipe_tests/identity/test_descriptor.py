"""The builtin descriptor is fixed for good, and tells plainly different people apart."""

import hashlib

import cv2
import numpy as np
import pytest

from facepipe.errors import ShapeError
from facepipe.identity.descriptor import describe_face, projection
from facepipe.identity.embedding import builtin_embedder

PEOPLE = range(1, 9)


@pytest.fixture(scope="module")
def vectors(crops_of):
    """Per person, the embeddings of six pictures."""
    return {person: builtin_embedder().embed(crops_of(person, 6)) for person in PEOPLE}


def test_the_projection_is_the_same_on_every_machine():
    digest = hashlib.sha256(projection().tobytes()).hexdigest()
    assert digest == "0e2a6e53797d47c0967c0a7b22739231355fa6941de3835c0523935370a8171f"


def test_the_embedder_is_named_by_the_hash_of_its_version_and_projection():
    embedder = builtin_embedder()
    made = hashlib.sha256(embedder.version.encode() + projection().tobytes())
    assert embedder.sha256 == made.hexdigest()


def test_the_projection_is_orthonormal():
    np.testing.assert_allclose(projection() @ projection().T, np.eye(256), atol=1e-5)


def test_embeddings_have_unit_norm(vectors):
    lengths = np.linalg.norm(np.concatenate(list(vectors.values())), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_pictures_of_a_person_are_alike_and_of_two_are_not(vectors):
    same = [(own @ own.T)[np.triu_indices(6, 1)].mean() for own in vectors.values()]
    other = [
        (vectors[one] @ vectors[two].T).mean() for one in PEOPLE for two in PEOPLE if one < two
    ]
    assert min(same) > 0.8
    assert np.mean(other) < 0.4
    assert max(other) < min(same)


def test_brightness_and_the_colour_of_the_light_hardly_count(crops_of):
    crop = crops_of(3, 1)[0]
    before = describe_face(crop)
    for gain in (np.array([0.8] * 3), np.array([1.15] * 3), np.array([1.3, 1.0, 0.7])):
        lit = np.clip(crop * gain, 0, 255).astype(np.uint8)
        assert describe_face(lit) @ before > 0.9


def test_what_lies_around_the_face_hardly_counts(crops_of):
    crop = crops_of(3, 1)[0]
    around = crop.copy()
    around[:18], around[:, :12], around[:, -12:] = 255, (0, 90, 0), (200, 0, 0)
    assert describe_face(around) @ describe_face(crop) > 0.9


def test_a_mirrored_face_is_nearly_the_same(crops_of):
    crop = crops_of(4, 1)[0]
    crop[60:90, 24:40] //= 2  # a scar on one cheek, or the shadow of a turned head
    assert describe_face(np.ascontiguousarray(crop[:, ::-1])) @ describe_face(crop) > 0.9


def test_an_embedding_does_not_depend_on_its_neighbours(crops_of):
    crops = crops_of(2, 4)
    together = builtin_embedder().embed(crops)
    alone = np.concatenate([builtin_embedder().embed(crops[k : k + 1]) for k in (2, 0)])
    np.testing.assert_array_equal(together[[2, 0]], alone)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_any_contrast_has_an_embedding(level):
    flat = np.full((112, 112, 3), level, np.uint8)
    assert np.isfinite(describe_face(flat)).all()


def test_blur_takes_less_than_another_person_does(crops_of, vectors):
    crop = crops_of(5, 1)[0]
    blurred = cv2.GaussianBlur(crop, (0, 0), 2)
    assert describe_face(blurred) @ describe_face(crop) > np.max(vectors[5] @ vectors[6].T)


def test_crops_of_another_size_are_refused():
    with pytest.raises(ShapeError, match=r"crops_rgb must have shape \(N, 112, 112, 3\)"):
        builtin_embedder().embed(np.zeros((1, 128, 128, 3), np.uint8))


def test_no_crops_have_no_embeddings():
    assert builtin_embedder().embed(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0, 512)
