"""A real face landmarker finds the synthetic faces, where the ground truth has them."""

from pathlib import Path

import numpy as np
import pytest

from facepipe.synthetic import CAST, MESH_POINTS, Clip, render

BUNDLE = Path(__file__).parents[2].parent / "shared" / "models" / "face_landmarker.task"


@pytest.fixture(scope="module")
def landmarker():
    if not BUNDLE.exists():
        pytest.skip(f"no landmark bundle at {BUNDLE}")
    mediapipe = pytest.importorskip("mediapipe")
    vision = mediapipe.tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=mediapipe.tasks.BaseOptions(model_asset_path=str(BUNDLE))
    )
    with vision.FaceLandmarker.create_from_options(options) as opened:
        yield (
            lambda rgb: (
                opened.detect(
                    mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=rgb)
                ).face_landmarks
            )
        )


@pytest.mark.realmedia
@pytest.mark.parametrize("seed", CAST)
def test_mediapipe_finds_every_face_of_the_cast_near_its_true_points(landmarker, seed):
    mesh = list(MESH_POINTS.values())
    for frame, truth in render(Clip(seeds=(seed,), size=256, frames=90), (0, 45, 89)):
        (face,) = landmarker(frame)
        found = np.array([[256 * face[index].x, 256 * face[index].y] for index in mesh])
        distance = np.linalg.norm(found - truth.points_px[0, :, :2], axis=1)
        eyes_apart = np.linalg.norm(truth.point_px("pupil_l") - truth.point_px("pupil_r"))
        assert np.median(distance) / eyes_apart < 0.15
