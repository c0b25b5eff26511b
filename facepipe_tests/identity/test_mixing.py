"""Between two people there is a third, on the great circle from one embedding to the other."""

from datetime import UTC, datetime

import numpy as np
import pytest

from facepipe.errors import BadInputError, ShapeError
from facepipe.identity.embedding import builtin_embedder, embedder_of
from facepipe.identity.mixing import mixed_profile
from facepipe.identity.profile import Profile
from facepipe.identity.spherical import between


def unit(seed):
    vector = np.random.default_rng(seed).standard_normal(512)
    return vector / np.linalg.norm(vector)


def angle(one, other):
    return np.arccos(np.clip(one @ other, -1, 1))


def person(name, seed, sha256=None, **stats):
    made_by = builtin_embedder()
    embedder = {
        "name": made_by.name,
        "version": made_by.version,
        "sha256": sha256 or made_by.sha256,
    }
    return Profile(
        id=name,
        name=name,
        created_at=datetime(2026, 1, seed, tzinfo=UTC),
        source_files=["clip.mp4"],
        embedding_mean=unit(seed).tolist(),
        embedding_std=[0.01 * seed] * 512,
        quality_stats={"embedder": embedder, **stats},
        source_count=1,
    )


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
def test_a_share_of_the_way_is_that_share_of_the_angle(share):
    one, other = unit(1), unit(2)
    mixed = between(one, other, share)
    assert np.linalg.norm(mixed) == pytest.approx(1, abs=1e-12)
    assert angle(one, mixed) == pytest.approx(share * angle(one, other), abs=1e-7)
    assert angle(mixed, other) == pytest.approx((1 - share) * angle(one, other), abs=1e-7)


def test_from_the_other_end_the_rest_of_the_way_leads_to_the_same_place():
    one, other = unit(1), unit(2)
    np.testing.assert_allclose(between(one, other, 0.3), between(other, one, 0.7), atol=1e-12)


@pytest.mark.parametrize("apart", [0.0, 1e-9, 1e-7, 1e-5])
def test_between_a_vector_and_nearly_itself_there_is_no_other(apart):
    one, step = unit(1), unit(2)
    other = one + apart * step
    mixed = between(one, other / np.linalg.norm(other), 0.4)
    np.testing.assert_allclose(mixed, one, atol=apart)


def test_between_opposites_nothing_lies():
    with pytest.raises(BadInputError, match="opposite directions"):
        between(unit(1), -unit(1), 0.5)


def test_vectors_of_other_lengths_are_refused():
    with pytest.raises(ShapeError):
        between(unit(1), unit(1)[:100], 0.5)


def test_a_mixed_person_is_a_profile_that_names_both_and_their_embedder(tmp_path):
    ann, eve = person("ann", 1), person("eve", 2)
    mixed = mixed_profile(ann, eve, 0.3)
    mixed.save(tmp_path / "profile.json")
    again = Profile.load(tmp_path / "profile.json")
    assert again == mixed
    assert angle(ann.embedding, again.embedding) == pytest.approx(
        0.3 * angle(ann.embedding, eve.embedding), abs=1e-5
    )
    assert again.id == "ann_towards_eve_0.3"
    assert again.quality_stats["mixed_from"] == {"ann": 0.7, "eve": 0.3}
    assert again.source_files == ["ann/clip.mp4", "eve/clip.mp4"]
    assert (again.created_at, again.source_count) == (eve.created_at, 2)
    assert embedder_of(again, tmp_path).sha256 == builtin_embedder().sha256


def test_its_spread_is_that_of_mixed_faces_and_its_quality_the_worse_one():
    ann = person("ann", 1, num_frames=20, avg_face_score=0.9, landmark_variance=0.2)
    eve = person("eve", 2, num_frames=30, avg_face_score=0.8)
    mixed = mixed_profile(ann, eve, 0.5)
    chance, apart = np.random.default_rng(0), angle(ann.embedding, eve.embedding)
    faces = [
        chance.normal(who.embedding_mean, who.embedding_std, (4000, 512)) for who in (ann, eve)
    ]
    half = np.sin(apart / 2) / np.sin(apart)
    spread = (half * (faces[0] + faces[1])).std(axis=0).mean()
    assert np.mean(mixed.embedding_std) == pytest.approx(spread, rel=0.02)
    assert mixed.quality_stats["num_frames"] == 20
    assert mixed.quality_stats["avg_face_score"] == 0.8
    assert "landmark_variance" not in mixed.quality_stats


def test_what_two_embedders_made_is_not_mixed_and_both_are_named():
    with pytest.raises(BadInputError) as refusal:
        mixed_profile(person("ann", 1), person("eve", 2, sha256="e" * 64), 0.5)
    for said in ("'ann'", "'eve'", "builtin 1 (97c8429ab8e7)", "eeeeeeeeeeee", "facepipe run eve"):
        assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_profile_that_names_no_embedder_is_not_mixed():
    foreign = person("eve", 2).model_copy(update={"quality_stats": {}})
    with pytest.raises(BadInputError, match="does not say which embedder"):
        mixed_profile(person("ann", 1), foreign, 0.5)
