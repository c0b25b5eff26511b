"""The two landmark networks, put together for real, agree on where a face's points are."""

import shutil

import numpy as np
import pytest

from facepipe.errors import ModelFileError
from facepipe.files import sha256_of
from facepipe.inference import landmark_source
from facepipe.inference.models import ensure_model
from facepipe.inference.registry import BUNDLE_KINDS, FULL, OFFICIAL_ONLY, WHEEL_ONLY
from facepipe.landmarks.landmarker import FaceFinder
from facepipe.landmarks.regions import inter_ocular_px
from facepipe.media.decode import decode
from facepipe_tests.real import CLIPS, SHARED, needs_real_media
from facepipe_tests.sharing import landmark_wheel

pytestmark = [pytest.mark.realmedia, needs_real_media]


def unreachable(*given, **named):
    raise ModelFileError("not to be had")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    """Each kind of bundle, built with what that kind needs and nothing else."""
    try:
        wheel = landmark_wheel(tmp_path_factory)
    except ModelFileError as error:
        pytest.skip(str(error))
    made = {}
    for kind in BUNDLE_KINDS:
        models = tmp_path_factory.mktemp("models")
        if kind is not WHEEL_ONLY:
            official = SHARED / "models" / "face_landmarker.task"
            shutil.copyfile(official, models / "face_landmarker.task")
        if kind is not OFFICIAL_ONLY:
            shutil.copyfile(wheel, models / wheel.name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(landmark_source, "download", unreachable)
            patch.setattr(landmark_source, "fetch_wheel", unreachable)
            made[kind.built_from] = ensure_model("face_landmarker", models)
    return made


@pytest.mark.parametrize("kind", BUNDLE_KINDS, ids=["both", "wheel", "official"])
def test_each_way_of_building_gives_its_pinned_bytes(bundles, kind):
    assert sha256_of(bundles[kind.built_from]) == kind.sha256


@pytest.mark.parametrize("name", ["dev_a_woman_ai", "dev_c_man_glasses"])
def test_the_attention_network_puts_every_point_where_the_official_one_does(bundles, name):
    frames = [frame for frame in decode(CLIPS / f"{name}.mp4") if frame.index % 20 == 0]
    found = []
    for kind in (FULL, WHEEL_ONLY):
        with FaceFinder(bundles[kind.built_from], 1, moving=False) as finder:
            faces = [finder.find(frame.rgb, frame.pts_s)[0][0] for frame in frames]
        found.append(np.stack(faces))
    official, attention = found
    apart = np.linalg.norm((official - attention)[..., :2], axis=-1)
    apart = (apart / inter_ocular_px(official)[:, None]).mean(axis=0)
    assert apart.max() < 0.08
    assert np.median(apart) < 0.03
    depths = np.corrcoef(official[..., 2].ravel(), attention[..., 2].ravel())
    assert depths[0, 1] > 0.98
