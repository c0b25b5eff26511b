"""The swapper a setting asks for, and whom it draws."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from facepipe.errors import BadInputError, SettingsError
from facepipe.identity.embedding import builtin_embedder, embedder_record
from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile, build_profile, mean_embedding
from facepipe.identity.settings import ProfileSettings
from facepipe.swapping.dfm import DfmSwapper
from facepipe.swapping.drawing import DrawingFiles, chosen_swapper, require_arcface, weighted
from facepipe.swapping.drawing_settings import DrawingSettings
from facepipe.swapping.swapper import MeshSwapper, NotFiniteError, OnnxSwapper
from facepipe_tests.compositing.painted import person
from facepipe_tests.swapping.clips import tiny_dfm, tiny_model
from facepipe_tests.swapping.test_swapper import points


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An identity and a target that differ in skin and brows."""
    folder = tmp_path_factory.mktemp("files")
    for name, skin in (("identity", (220, 180, 160)), ("target", (90, 60, 40))):
        person(skin).save(folder / name, pd.DataFrame())
    faces = FaceSet.load(folder / "identity")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    profile = build_profile("ada", faces, builtin_embedder(), ProfileSettings(), now)
    profile.save(folder / "profile.json")
    return DrawingFiles(
        folder / "identity", folder / "profile.json", folder / "target", folder, device="cpu"
    )


def with_model(files, path):
    return DrawingFiles(**{**vars(files), "model": path})


def test_each_setting_gives_its_swapper(files, tmp_path):
    inswapper = with_model(files, tiny_model(tmp_path / "a.onnx"))
    dfm = with_model(files, tiny_dfm(tmp_path / "b.dfm"))
    assert isinstance(chosen_swapper(files, DrawingSettings("mesh")), MeshSwapper)
    assert isinstance(chosen_swapper(inswapper, DrawingSettings("lora")), OnnxSwapper)
    assert isinstance(chosen_swapper(inswapper, DrawingSettings("a.onnx")), OnnxSwapper)
    assert isinstance(chosen_swapper(dfm, DrawingSettings("b.dfm")), DfmSwapper)
    boosted = chosen_swapper(inswapper, DrawingSettings("a.onnx", boost=4))
    assert boosted.size_px == 512
    with pytest.raises(BadInputError, match=r"b\.dfm is a DFM, which cannot be boosted"):
        chosen_swapper(dfm, DrawingSettings("b.dfm", boost=2))
    with pytest.raises(BadInputError, match="swapper=lora needs an ONNX model"):
        chosen_swapper(files, DrawingSettings())


def test_the_slider_mixes_the_target_in_as_facefusion_does_and_is_neutral_in_the_middle():
    rng = np.random.default_rng(5)
    one, other = (vector / np.linalg.norm(vector) for vector in rng.normal(size=(2, 512)))
    np.testing.assert_allclose(weighted(one, other, 0.5), one, atol=1e-6)
    kept, gone = 0.65 * one + 0.35 * other, 1.35 * one - 0.35 * other
    np.testing.assert_allclose(weighted(one, other, 0), kept / np.linalg.norm(kept), atol=1e-6)
    np.testing.assert_allclose(weighted(one, other, 1), gone / np.linalg.norm(gone), atol=1e-6)


def test_the_weight_reaches_the_model(files, tmp_path):
    path = tiny_model(tmp_path / "a.onnx")
    square = np.full((1, 128, 128, 3), 128, np.uint8)
    drawn = chosen_swapper(with_model(files, path), DrawingSettings("x", weight=0.1))
    target = mean_embedding(FaceSet.load(files.target_faces), builtin_embedder())
    mixed = weighted(Profile.load(files.profile).embedding, target, 0.1)
    wanted = OnnxSwapper(path, mixed, "cpu").swap(square, points(1))[0]
    np.testing.assert_array_equal(drawn.swap(square, points(1))[0], wanted)
    plain = OnnxSwapper(path, Profile.load(files.profile).embedding, "cpu")
    assert (plain.swap(square, points(1))[0] != wanted).any()


def test_a_model_from_elsewhere_wants_a_profile_made_by_arcface(files, tmp_path):
    profile = Profile.load(files.profile)
    with pytest.raises(BadInputError, match="draw a stranger"):
        require_arcface(profile, tmp_path / "inswapper_128.onnx")
    made_by = embedder_record(profile) | {"name": "arcface", "version": "w600k_r50"}
    other = profile.model_copy(update={"quality_stats": {"embedder": made_by}})
    assert require_arcface(other, tmp_path / "inswapper_128.onnx") == "w600k_r50"


@pytest.mark.parametrize("batch", ["N", 1, 2])
def test_what_is_no_number_is_refused_with_the_face_it_is_in(files, tmp_path, batch):
    path = tiny_model(tmp_path / "a.onnx", breaks=True, batch=batch)
    swapper = OnnxSwapper(path, Profile.load(files.profile).embedding, "cpu")
    squares = np.full((4, 128, 128, 3), 255, np.uint8)
    assert swapper.swap(squares, points(4))[0].shape == squares.shape
    squares[2, 60, 60] = 0
    with pytest.raises(NotFiniteError, match=r"a\.onnx: draws NaN or infinity") as caught:
        swapper.swap(squares, points(4))
    assert caught.value.face == 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"weight": 1.1}, "weight is 1.1"),
        ({"morph": -1}, "morph is -1"),
        ({"swapper": ""}, "empty"),
        ({"boost": 9}, "boost is 9"),
        ({"boost": 2, "swapper": "mesh"}, "with swapper=mesh it must be 1"),
    ],
)
def test_settings_out_of_range_are_named(wrong, said):
    with pytest.raises(SettingsError, match=said):
        DrawingSettings(**wrong)
