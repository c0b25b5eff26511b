"""A model from elsewhere is held against whom it would draw."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from facepipe.defs.foreign_models import model_file, require_its_person, swapping_model
from facepipe.errors import BadInputError, ConsentError, ModelFileError
from facepipe.identity.profile import Profile
from facepipe.inference.models import register_model
from facepipe_tests.swapping.clips import tiny_dfm, tiny_model

MEDIA = "5" * 64
LOG = logging.getLogger(__name__)


@pytest.fixture
def pair(tmp_path):
    """A pair whose profile was made by such an embedder."""

    def make(embedder):
        made_by = {"name": embedder, "version": "w600k_r50", "sha256": "0" * 64}
        Profile(
            id="ada",
            name="ada",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            source_files=["a.mp4"],
            embedding_mean=np.eye(512)[0].tolist(),
            embedding_std=np.zeros(512).tolist(),
            quality_stats={"embedder": made_by},
        ).save(tmp_path / "profile.json")
        return SimpleNamespace(
            identity=SimpleNamespace(digest=MEDIA),
            identity_name="ada",
            get=lambda key: SimpleNamespace(path=tmp_path),
        )

    return make


def told(media):
    return {"base_sha256": "0" * 64, "identity_media": media}


def test_a_model_of_ours_is_used_for_the_media_it_learnt_from_and_no_others(pair, tmp_path):
    own = tiny_model(tmp_path / "own.onnx", told=told(MEDIA))
    require_its_person(pair("builtin"), own, LOG)
    for other in (told("6" * 64), {"base_sha256": "0" * 64}):
        path = tiny_model(tmp_path / "other.onnx", told=other)
        with pytest.raises(ConsentError, match="trained on other media than identity 'ada'"):
            require_its_person(pair("arcface"), path, LOG)


def test_any_other_draws_whom_an_arcface_profile_names(pair, tmp_path):
    path = tiny_model(tmp_path / "theirs.onnx")
    require_its_person(pair("arcface"), path, LOG)
    with pytest.raises(BadInputError, match="draw a stranger"):
        require_its_person(pair("builtin"), path, LOG)


def test_whom_a_dfm_draws_is_said_aloud(pair, tmp_path, caplog):
    require_its_person(pair("builtin"), tiny_dfm(tmp_path / "a.dfm"), LOG)
    assert "draws its own person, who is taken to be ada" in caplog.text


def test_a_model_is_found_by_its_path_or_its_name_and_looked_into_at_once(tmp_path):
    path = tiny_model(tmp_path / "a.onnx")
    kept = register_model("mine", path, "my own", tmp_path / "models")
    assert swapping_model(str(path), tmp_path) == path
    assert swapping_model("mine", tmp_path / "models") == kept
    assert swapping_model("mesh", tmp_path) is None
    assert model_file("", tmp_path) is None
    with pytest.raises(BadInputError, match=r"b\.onnx: no such file"):
        model_file(str(tmp_path / "b.onnx"), tmp_path)
    wrong = tiny_model(path, tail=[np.zeros((3, 3), np.float32)])
    with pytest.raises(ModelFileError, match=r"shape \(3, 3\)"):
        swapping_model(str(wrong), tmp_path)
