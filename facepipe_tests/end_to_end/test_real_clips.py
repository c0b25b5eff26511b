"""Real people: what the pipeline promises, measured by a judge it does not know."""

import json

import pytest

from facepipe.landmarks.tracks import Landmarks
from facepipe_tests.real import CLIPS, STILLS, Judge, needs_real_media

pytestmark = [pytest.mark.realmedia, pytest.mark.slow, needs_real_media]


def judged(root, identity, target):
    sources = {}
    for side, name, folder in (("target", target, "targets"), ("identity", identity, "identities")):
        landmarks = Landmarks.load(
            root / "assets" / side / "smoothed_landmarks" / name / "landmarks.npz"
        )
        paths = [root / folder / name / source for source in landmarks.sources]
        sources[side] = (paths, landmarks)
    swapped = root / "assets" / "pair" / "swapped_video" / identity / target / "swapped.mp4"
    return Judge().compare(swapped, sources["target"], sources["identity"])


def report(project, identity, target):
    place = project.place("pair/swap_report", identity, target)
    return json.loads((place / "report.json").read_text())


@pytest.mark.parametrize(
    ("identity", "identity_media", "target_clip"),
    [
        pytest.param("b", [CLIPS / "dev_b_man_talk.mp4"], "dev_c_man_glasses", id="clip"),
        pytest.param("teacher", sorted(STILLS.glob("ai_teacher_*")), "dev_b_man_talk", id="stills"),
    ],
)
def test_the_mesh_swap_shows_the_identity_and_keeps_the_background(
    empty, identity, identity_media, target_clip
):
    empty.add("identity", identity, *identity_media)
    empty.add("target", "clip", CLIPS / f"{target_clip}.mp4")
    empty.run("run", identity, "clip", "--set", "pair/swapped_video.swapper=mesh")
    found, told = judged(empty.root, identity, "clip"), report(empty, identity, "clip")
    assert found["closer_to_identity"] >= 0.98, found
    assert told["frames"]["swapped"] >= 0.98 * told["frames"]["total"]
    assert told["background_ssim"] >= 0.98
