"""How well the builtin embedder tells rendered and real people apart: the numbers it is sold by."""

from itertools import combinations, islice

import cv2
import numpy as np
import pytest

from facepipe.identity.embedding import arcface_crops, builtin_embedder
from facepipe.landmarks.alignment import FACE_PX, arcface_transform, cut, face_transform
from facepipe.media.decode import decode
from facepipe.synthetic.people import CAST
from facepipe.synthetic.scene import Clip, render
from facepipe.synthetic.truth import POINT_NAMES
from facepipe_tests.real import CLIPS, SHARED, needs_real_media

FIVE = [POINT_NAMES.index(n) for n in ("pupil_r", "pupil_l", "nose_tip", "mouth_r", "mouth_l")]


def rendered(seed, frames):
    """ArcFace squares of a rendered person, aligned by the ground truth."""
    clip = Clip(seeds=(seed,), size=192, frames=240, fps=24)
    for rgb, truth in render(clip, frames):
        five = truth.points_px[0, FIVE, :2] - 0.5  # the truth counts from the picture's corner
        yield cut(rgb, arcface_transform(five.astype(np.float32)), 112)


def test_rendered_people_are_nearest_to_themselves():
    people = CAST[:4]
    embed = builtin_embedder().embed
    known = np.stack(
        [embed(np.stack(list(rendered(seed, [0, 50, 100])))).mean(axis=0) for seed in people]
    )
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    again = np.stack([embed(np.stack(list(rendered(seed, [160])))[:1])[0] for seed in people])
    cosine = again @ known.T
    others = cosine[~np.eye(len(people), dtype=bool)]
    np.testing.assert_array_equal(cosine.argmax(axis=1), np.arange(len(people)))
    assert np.diag(cosine).mean() > 0.7
    assert others.mean() < 0.5


def real_faces(name):
    """ArcFace squares of a clip's face, straight from the frame and by way of a stored face."""
    model = str(SHARED / "models" / "face_detection_yunet_2023mar.onnx")
    straight, stored = [], []
    for frame in islice(decode(CLIPS / f"{name}.mp4"), 0, 81, 20):
        rgb = frame.rgb
        detector = cv2.FaceDetectorYN.create(model, "", rgb.shape[1::-1])
        five = detector.detect(np.ascontiguousarray(rgb[:, :, ::-1]))[1][0, 4:14].reshape(5, 2)
        straight.append(cut(rgb, arcface_transform(five), 112))
        stored.append(cut(rgb, face_transform(five), FACE_PX))
    return np.stack(straight), arcface_crops(np.stack(stored))


@pytest.mark.realmedia
@needs_real_media
def test_real_people_are_told_apart():
    embed = builtin_embedder().embed
    names = ("dev_a_woman_ai", "dev_b_man_talk", "dev_c_man_glasses", "dev_occlusion_hand")
    straight, stored = {}, {}
    for name in names:
        straight[name], stored[name] = map(embed, real_faces(name))
        # a report embeds frames, a profile stored faces: both must mean the same
        assert (straight[name] * stored[name]).sum(axis=1).min() > 0.99
    vectors = list(straight.values())
    within = [(own @ own.T)[np.triu_indices(5, 1)].mean() for own in vectors]
    between = [(one @ two.T).mean() for one, two in combinations(vectors, 2)]
    assert min(within) > 0.7
    assert max(between) < 0.52
    assert np.mean(between) < 0.35
