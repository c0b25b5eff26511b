"""A made pair leaves in each format, as its reader wants it."""

import numpy as np
import pytest

from facepipe.identity.face_set import FaceSet
from facepipe.identity.profile import Profile
from facepipe_tests.training.foreign_readers import (
    drawn_as_facefusion_does,
    hash_is_right,
    read_dfm,
    watserface_models,
    watserface_profile,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def export(made, tmp_path):
    def run(kind, *options):
        made.tell("export", "ada", "ben", "--format", kind, "-o", tmp_path / kind, *options)
        return tmp_path / kind

    return run


def test_the_inswapper_files_draw_alike_in_float32_and_float16(made, export):
    folder = export("inswapper")
    export("inswapper", "--half")
    models = sorted(folder.glob("*.onnx"))
    assert [path.stem for path in models] == ["ada_to_ben_lora", "ada_to_ben_lora_fp16"]
    assert all(hash_is_right(path) for path in models)
    profile = Profile.load(made.place("identity/profile", "ada") / "profile.json")
    crop = FaceSet.load(made.place("target/faces", "ben")).crops_rgb[0, 96:224, 96:224, ::-1]
    full, half = (drawn_as_facefusion_does(path, crop, profile.embedding) for path in models)
    assert np.abs(full.astype(int) - half).max() <= 2


def test_the_dfm_draws_inside_its_mask(made, export):
    (path,) = export("dfm").glob("*.dfm")
    crop = FaceSet.load(made.place("target/faces", "ben")).crops_rgb[0, 32:288, 32:288, ::-1]
    read = read_dfm(path, np.ascontiguousarray(crop))
    inside = np.minimum(read.source_mask, read.target_mask) > 0.5
    assert 0.1 < inside.mean() < 0.6
    assert np.abs(read.face_bgr - crop / 255)[inside].mean() > 0.01


def test_watserface_finds_the_pair(made, export):
    folder = export("watserface")
    (model,) = watserface_models(folder).values()
    assert hash_is_right(model)
    assert watserface_profile(folder, "ada").name == "ada"
