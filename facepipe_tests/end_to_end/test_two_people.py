"""Two identities on two people of one video, from the command line to the report."""

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from facepipe.cli.app import exit_code_of
from facepipe.landmarks.tracks import Landmarks
from facepipe_tests.end_to_end.inputs import added, clip, files_in, noise, record, working_in

pytestmark = pytest.mark.slow
MESH = ["--set", "pair/swapped_video.swapper=mesh", "--set", "pair/swap_report.sheet_rows=4"]
PEOPLE = {"ada": 11, "eve": 25}


@pytest.fixture(scope="module")
def two(tmp_path_factory, landmark_model):
    """A data root in which ada and eve are swapped onto the people of a clip, right and left."""
    folder = tmp_path_factory.mktemp("two")
    with working_in(folder, landmark_model) as root:
        for name, seed in PEOPLE.items():
            added(root, "identity", name, clip(folder / f"{name}.mp4", seeds=(seed,), frames=6))
        pair = clip(folder / "clip.mp4", seeds=(6, 43), size=320, frames=10)
        added(root, "target", "clip", pair)
        places = ["--map", "ada=left-to-right:2", "--map", "eve=left-to-right:1"]
        assert exit_code_of(["run", "ada", "clip", *places, *MESH]) == 0
        yield root


def of_pair(root, key):
    return root / "assets" / "pair" / key / "ada" / "clip"


def test_each_identity_is_on_the_person_it_was_mapped_to(two):
    landmarks = Landmarks.load(
        two / "assets" / "target" / "smoothed_landmarks" / "clip" / "landmarks.npz"
    )
    left = int(np.nanargmin(landmarks.points_px[0, :, :, 0].mean(axis=1)))
    track = int(landmarks.track_id[0, left])
    manifest = json.loads((of_pair(two, "swapped_video") / "manifest.json").read_text())
    shown = {part["identity"]: part["tracks"] for part in manifest["parts"]}
    assert shown["eve"] == [track]
    assert shown["ada"] != [track]
    assert all(part["frames"]["swapped"] == 10 for part in manifest["parts"])
    table = pd.read_parquet(of_pair(two, "swap_report") / "frames.parquet")
    assert table.groupby("identity")["track_id"].agg(list).to_dict() == {
        name: tracks * 10 for name, tracks in shown.items()
    }


def test_the_consent_and_the_files_of_each_identity_are_recorded(two):
    recipe = json.loads((of_pair(two, "swapped_video") / ".recipe.json").read_text())["inputs"]
    manifest = json.loads((of_pair(two, "swapped_video") / "manifest.json").read_text())
    assert {"identity_consent", "identity_consent@eve", "target_consent"} <= recipe.keys()
    assert {"faces", "faces@eve", "profile", "profile@eve", "media", "media@eve"} <= recipe.keys()
    assert manifest["consent_ids"].keys() == {"identity", "identity@eve", "target"}
    report = json.loads((of_pair(two, "swap_report") / "report.json").read_text())
    assert report["frames"] == {"total": 10, "swapped": 10, "skipped": {}}


def test_a_run_without_places_repeats_those_chosen_last(two, capsys):
    assert exit_code_of(["run", "ada", "clip"]) == 0
    assert "pair/swapped_video: unchanged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["ada=track:99"], "no track 99; it has 0 ("),
        (["ada=left-to-right:3"], "shows 2 people, not 3"),
        (["ada=reference:frame:10"], "frames 0 to 9"),
        (["ada=one", "eve=one"], "the same person of the target"),
    ],
)
def test_who_is_not_in_the_target_is_named_and_nothing_is_replaced(two, fails, places, said):
    before = {path: path.stat().st_mtime_ns for path in of_pair(two, "swapped_video").iterdir()}
    options = [part for place in places for part in ("--map", place)]
    assert said in fails(2, "run", "ada", "clip", *options)
    after = {path: path.stat().st_mtime_ns for path in of_pair(two, "swapped_video").iterdir()}
    assert after == before


def test_a_reference_picture_that_nobody_consented_to_is_refused(two, fails, tmp_path):
    picture = noise(tmp_path / "stranger.png")
    line = fails(3, "run", "ada", "clip", "--map", f"ada=reference:{picture}")
    assert "reference picture" in line
    assert str(picture) in line
    assert "no such picture" in fails(2, "run", "ada", "clip", "--map", "ada=reference:none.png")


def test_what_is_mapped_to_nobody_known_is_refused_at_once(root, fails, tmp_path):
    added(root, "identity", "ada", noise(tmp_path / "a.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    before = files_in(root)
    assert "give IDENTITY=PLACE" in fails(2, "run", "ada", "clip", "--map", "track:0")
    assert "a place is one, many" in fails(2, "run", "ada", "clip", "--map", "ada=first")
    line = fails(2, "run", "ada", "clip", "--map", "eve=track:0")
    assert "identity 'eve' is unknown; known: ada" in line
    assert files_in(root) == before


def test_every_identity_s_consent_counts_and_whoever_is_removed_is_in_no_video(two, fails):
    record_file = two / "identities" / "eve" / "consent.json"
    media = [path for path in record_file.parent.iterdir() if path != record_file]
    granted = record_file.read_bytes()
    record(record_file, *media, expires=timedelta(days=1))
    assert "expired" in fails(3, "run", "ada", "clip")
    record_file.write_bytes(granted)
    assert exit_code_of(["remove", "identity", "eve", "--yes"]) == 0
    assert not of_pair(two, "swapped_video").exists()
    assert not of_pair(two, "swap_report").exists()
    assert (two / "assets" / "identity" / "faces" / "ada").exists()
