"""A profile says who somebody is, does not follow odd frames, and is read by WatserFace."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from facepipe.errors import BadInputError, NoFaceError
from facepipe.identity.embedding import builtin_embedder
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile, build_profile, embed_faces, mean_embedding
from facepipe.identity.settings import ProfileSettings

ANNA, BELA = 1, 2
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def profile_of(faces, name="Anna B", **settings):
    return build_profile(name, faces, builtin_embedder(), ProfileSettings(**settings), NOW)


def chosen(faces, places):
    rows = {
        field.name: getattr(faces, field.name)[places]
        for field in dataclasses.fields(FaceSet)
        if field.name != "sources"
    }
    return FaceSet(**rows, sources=faces.sources)


@pytest.fixture(scope="module")
def anna(make_faces):
    """Twelve faces of Anna in three poses."""
    return make_faces([ANNA] * 12, yaw_deg=[-30] * 4 + [0] * 6 + [30] * 2)


@pytest.fixture(scope="module")
def profile(anna):
    """Anna's profile."""
    return profile_of(anna)


def test_the_mean_has_unit_norm(profile):
    assert np.linalg.norm(profile.embedding_mean) == pytest.approx(1, abs=1e-6)
    assert profile.embedding.dtype == np.float32
    assert np.linalg.norm(profile.embedding) == pytest.approx(1, abs=1e-6)


def test_the_spread_is_that_of_all_faces_together(anna, profile):
    vectors = embed_faces(anna, builtin_embedder()).astype(np.float64)
    wanted = np.sqrt(np.mean((vectors - vectors.mean(axis=0)) ** 2, axis=0))
    np.testing.assert_allclose(profile.embedding_std, wanted, rtol=1e-5)


def test_the_order_of_the_faces_does_not_matter(anna, profile):
    shuffled = profile_of(chosen(anna, np.random.default_rng(3).permutation(len(anna))))
    np.testing.assert_allclose(shuffled.embedding_mean, profile.embedding_mean, atol=1e-6)
    np.testing.assert_allclose(shuffled.embedding_std, profile.embedding_std, atol=1e-6)


def test_one_bad_frame_does_not_move_the_profile(make_faces):
    clean = profile_of(make_faces([ANNA] * 11))
    bad = profile_of(make_faces([ANNA] * 11 + [BELA]))
    np.testing.assert_array_equal(bad.embedding_mean, clean.embedding_mean)
    assert bad.quality_stats["outliers"] == [{"source": "clip.mp4", "frame_index": 11}]
    assert bad.quality_stats["outliers_removed"] == 1


def test_a_quarter_of_bad_frames_does_not_move_the_profile(make_faces):
    clean, mixed = (
        profile_of(make_faces([ANNA] * 12)),
        profile_of(make_faces([ANNA, ANNA, ANNA, BELA] * 4)),
    )
    assert mixed.quality_stats["outliers_removed"] == 4
    assert clean.embedding @ mixed.embedding > 0.99


def test_frames_of_a_still_head_are_no_outliers(make_faces):
    assert profile_of(make_faces([ANNA] * 12)).quality_stats["outliers_removed"] == 0


def test_a_profile_is_nearer_to_its_person_than_to_another(make_faces, profile):
    again = embed_faces(make_faces([ANNA] * 4, seed=9), builtin_embedder())
    other = embed_faces(make_faces([BELA] * 4, seed=9), builtin_embedder())
    assert (again @ profile.embedding).min() > 0.8
    assert (other @ profile.embedding).max() < 0.6


def test_the_quality_numbers_are_those_of_the_faces_used(make_faces):
    stats = profile_of(make_faces([ANNA] * 11 + [BELA])).quality_stats
    assert stats["num_frames"] == stats["final_embedding_count"] == 11
    assert stats["total_processed"] == stats["valid_count"] == 12
    assert stats["avg_face_score"] == stats["avg_confidence"] == pytest.approx(0.9)
    assert stats["avg_face_size"] == pytest.approx(150)
    assert stats["avg_blur_variance"] == pytest.approx(np.linspace(50, 100, 12)[:11].mean())
    assert stats["landmark_variance"] == pytest.approx(0, abs=1e-9)
    assert 0.8 < stats["self_similarity_p5"] < stats["self_similarity"] < 1
    assert stats["embedder"]["name"] == "builtin"
    assert len(stats["embedder"]["sha256"]) == 64


def test_landmark_variance_is_in_squared_inter_ocular_distances(make_faces):
    faces = make_faces([ANNA] * 2)
    points = faces.points_px.copy()
    points[1, :468, 0] += np.linalg.norm(points[0, 468, :2] - points[0, 473, :2])
    moved = profile_of(dataclasses.replace(faces, points_px=points))
    assert moved.quality_stats["landmark_variance"] == pytest.approx(0.25 * 468 / 478)


def test_there_is_a_prototype_for_each_pose_with_enough_faces(profile):
    prototypes = profile.quality_stats["prototypes"]
    assert {name: entry["count"] for name, entry in prototypes.items()} == {
        "yaw_-45_to_-15": 4,
        "yaw_-15_to_15": 6,
    }
    for entry in prototypes.values():
        assert np.linalg.norm(entry["embedding"]) == pytest.approx(1, abs=1e-6)


def test_the_same_faces_give_the_same_bytes(anna, profile, tmp_path):
    profile.save(tmp_path / "one.json")
    profile_of(anna).save(tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_save_and_load_are_exact(profile, tmp_path):
    profile.save(tmp_path / "profile.json")
    loaded = Profile.load(tmp_path / "profile.json")
    assert loaded == profile
    np.testing.assert_array_equal(loaded.embedding, profile.embedding)


@dataclasses.dataclass
class WatserFaceProfile:
    """The fields WatserFace knows; any other makes it fail."""

    id: str
    name: str
    created_at: str
    source_files: list[str]
    embedding_mean: list[float]
    embedding_std: list[float]
    quality_stats: dict[str, Any]
    thumbnail_path: str | None = None
    is_ephemeral: bool = False
    last_used: str | None = None
    source_count: int = 0
    face_set_id: str | None = None


def test_watserface_reads_the_profile(profile, tmp_path):
    profile.save(tmp_path / "profile.json")
    read = WatserFaceProfile(**json.loads((tmp_path / "profile.json").read_text()))
    assert (read.id, read.name) == ("anna_b", "Anna B")
    assert read.created_at == "2026-01-02T03:04:05Z"
    assert read.source_files == ["clip.mp4"]
    assert len(read.embedding_mean) == len(read.embedding_std) == 512


def test_watserfaces_own_profile_is_read(tmp_path):
    own = WatserFaceProfile(
        id="x",
        name="X",
        created_at="2025-11-30T10:00:00.123456",
        source_files=["a.jpg"],
        embedding_mean=[2.0] + [0.0] * 511,
        embedding_std=[0.1] * 512,
        quality_stats={"num_frames": 3},
    )
    (tmp_path / "profile.json").write_text(json.dumps(dataclasses.asdict(own)))
    loaded = Profile.load(tmp_path / "profile.json")
    assert loaded.embedding[0] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"colour": "red"}, "colour: Extra inputs"),
        ({"embedding_mean": [1.0] * 256}, "embedding_mean: List should have at least 512"),
        ({"quality_stats": None}, "quality_stats: "),
    ],
)
def test_a_file_of_another_schema_is_refused(profile, tmp_path, change, said):
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(json.loads(profile.model_dump_json()) | change))
    with pytest.raises(BadInputError, match=f"profile.json: not a profile: {said}"):
        Profile.load(path)


def test_a_damaged_or_missing_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "half.json").write_text('{"id": "x", ')
    with pytest.raises(BadInputError, match=r"half\.json: not a profile") as caught:
        Profile.load(tmp_path / "half.json")
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInputError, match=r"none\.json: no profile there"):
        Profile.load(tmp_path / "none.json")


def test_no_faces_make_no_profile(anna):
    with pytest.raises(NoFaceError, match="holds 0 faces"):
        profile_of(chosen(anna, np.arange(0)))


def test_the_mean_embedding_of_a_target_is_that_of_all_its_faces(anna):
    vectors = embed_faces(anna, builtin_embedder()).astype(np.float64).sum(axis=0)
    mean = mean_embedding(anna, builtin_embedder())
    np.testing.assert_allclose(mean, vectors / np.linalg.norm(vectors), atol=1e-6)
