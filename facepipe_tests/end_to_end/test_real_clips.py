"""Real people: what the pipeline promises, measured by a judge it does not know."""

import json
import subprocess
import sys

import pytest

from facepipe.landmarks.tracks import Landmarks
from facepipe_tests.real import CLIPS, STILLS, Judge, needs_real_media

pytestmark = [pytest.mark.realmedia, pytest.mark.slow, needs_real_media]


def facepipe(*arguments, root):
    environment = {"FACEPIPE_DATA": str(root), "PATH": "/usr/bin:/bin", "HOME": str(root)}
    command = [sys.executable, "-m", "facepipe.cli", *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    return done


def add(side, name, media, root):
    record = root / f"{name}.json"
    facepipe(
        "consent", "new", "--subject", name, "--scope", "train", "swap", "--expires", "2099-12-31",
        "--media", *media, "-o", record, root=root,
    )  # fmt: skip
    facepipe("add", side, name, *media, "--consent", record, root=root)


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


def report(root, identity, target):
    path = root / "assets" / "pair" / "swap_report" / identity / target / "report.json"
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("identity", "identity_media", "target_clip"),
    [
        pytest.param("b", [CLIPS / "dev_b_man_talk.mp4"], "dev_c_man_glasses", id="clip"),
        pytest.param("teacher", sorted(STILLS.glob("ai_teacher_*")), "dev_b_man_talk", id="stills"),
    ],
)
def test_the_mesh_swap_shows_the_identity_and_keeps_the_background(
    tmp_path, identity, identity_media, target_clip
):
    add("identity", identity, identity_media, tmp_path)
    add("target", "clip", [CLIPS / f"{target_clip}.mp4"], tmp_path)
    facepipe("run", identity, "clip", "--set", "pair/swapped_video.swapper=mesh", root=tmp_path)
    found, told = judged(tmp_path, identity, "clip"), report(tmp_path, identity, "clip")
    assert found["closer_to_identity"] >= 0.98, found
    assert told["frames"]["swapped"] >= 0.98 * told["frames"]["total"]
    assert told["background_ssim"] >= 0.98
