"""Making and reporting: every promised file and number, the same each time."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from facepipe.errors import BadInputError, NoFaceError, VerificationError
from facepipe.files import sha256_of
from facepipe.identity.company import gather_company
from facepipe.identity.embedding import builtin_embedder
from facepipe.identity.profile import mean_embedding
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.decode import decode
from facepipe.media.png import save_png
from facepipe.swapping.casting import Part, Spot, cast
from facepipe.swapping.film import cut_of, film_of
from facepipe.swapping.making import IdentityFiles, Materials, load_drawn, make_swap
from facepipe.swapping.manifest import FrameCounts, SwapManifest
from facepipe.swapping.masks import KeptMasks
from facepipe.swapping.report import build_report
from facepipe.swapping.screening import Screening
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.sheet import COLUMNS, Moment, contact_sheet
from facepipe_tests.compositing.painted import face_set, mesh_points, paint, person
from facepipe_tests.swapping.clips import landmarks_of, talking, write_clip

SETTINGS = SwapSettings(swapper="mesh", crf=5, preset="ultrafast", fade_s=0)
CONTRACT = {
    "frames", "similarity_to_identity", "similarity_to_target", "closer_to_identity_share",
    "background_ssim", "seam_delta_e", "flicker_ratio", "landmark_error_iod", "embedder",
}  # fmt: skip
BEYOND = {
    "seam_delta_e_p95", "flicker_ratio_calm", "found_again_share", "occluded_share",
    "mask_leakage", "people",
}  # fmt: skip


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """Files of an identity and a target, and the swap made of them."""
    folder = tmp_path_factory.mktemp("stage")
    frames, points = talking(skin=(120, 80, 60), brow=(190, 180, 160))
    clip = write_clip(folder / "clip.mp4", frames)
    landmarks_of([*points[:3], None, *points[4:]], [0] * 10).save(folder / "landmarks.npz")
    person((220, 180, 160)).save(folder / "identity", pd.DataFrame())
    looks = [paint(mesh_points(k), skin=(120, 80, 60), brow=(190, 180, 160)) for k in (0, 8)]
    target = face_set([mesh_points(0), mesh_points(8)], looks)
    target.save(folder / "target", pd.DataFrame())
    (folder / "profile.json").write_text("{}")  # the mesh asks for none
    materials = Materials(
        sources=[clip],
        landmarks=folder / "landmarks.npz",
        target_faces=folder / "target",
        target_people=folder / "people",
        identities=[IdentityFiles("ada", folder / "identity", folder / "profile.json")],
        models=folder / "models",
        consent_ids={"target": "t1", "identity": "i1"},
    )
    gather_company(folder, Landmarks.load(materials.landmarks)).save(folder / "people")
    (folder / "swap").mkdir()
    manifest = make_swap(materials, SETTINGS, folder / "swap" / "swapped.mp4")
    return folder, materials, manifest, target


@pytest.fixture(scope="module")
def screening(stage):
    folder, materials, _, target = stage
    landmarks = Landmarks.load(materials.landmarks)
    film, embedder = film_of(materials.sources, landmarks), builtin_embedder()
    return Screening(
        film=film,
        swapped=folder / "swap" / "swapped.mp4",
        casting=cast(landmarks, [Part("ada", frozenset({0}))], SETTINGS),
        masks=KeptMasks(folder / "swap" / "masks.parquet"),
        swapped_landmarks=landmarks,
        identities=mean_embedding(person((220, 180, 160)), embedder)[None],
        targets=mean_embedding(target, embedder)[None],
        embedder=embedder,
    )


def test_the_manifest_names_every_input_by_its_hash_and_holds_no_time(stage):
    folder, materials, manifest, _ = stage
    text = (folder / "swap" / "manifest.json").read_text()
    assert SwapManifest.load(folder / "swap" / "manifest.json") == manifest
    assert manifest.video.sha256 == sha256_of(folder / "swap" / "swapped.mp4")
    assert manifest.sources[0].sha256 == sha256_of(materials.sources[0])
    assert manifest.consent_ids == {"identity": "i1", "target": "t1"}
    assert manifest.frames == FrameCounts(total=10, swapped=9, skipped={"no_face": 1})
    assert str(folder) not in text


def test_the_same_files_give_the_same_bytes(stage, tmp_path):
    folder, materials, _, _ = stage
    make_swap(materials, SETTINGS, tmp_path / "swapped.mp4")
    first, second = (
        {p.relative_to(root): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
        for root in (folder / "swap", tmp_path)
    )
    assert first == second


def test_a_drawn_square_is_kept_for_each_moment_of_the_sheet(stage):
    drawn = load_drawn(stage[0] / "swap")
    assert list(drawn) == [(frame, 0) for frame in (0, 1, 2, 4, 5, 6, 7, 8, 9)]
    assert drawn[0, 0].shape == (256, 256, 3)


def test_a_target_without_the_person_is_refused_before_any_work(stage, tmp_path):
    _, materials, _, _ = stage
    strict = SwapSettings(swapper="mesh", min_face_px=5000)
    with pytest.raises(NoFaceError, match="none of 10 frames"):
        make_swap(materials, strict, tmp_path / "swapped.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_asked_for_where_one_is_needed(stage, tmp_path):
    with pytest.raises(BadInputError, match="swapper=lora needs"):
        make_swap(stage[1], SwapSettings(swapper="lora"), tmp_path / "swapped.mp4")


def test_the_report_has_the_keys_of_the_contract_and_those_it_documents(stage, screening, tmp_path):
    report, _ = build_report(screening, stage[2].frames)
    report.save(tmp_path / "report.json")
    told = json.loads((tmp_path / "report.json").read_text())
    assert set(told) == CONTRACT | BEYOND
    assert set(told["similarity_to_identity"]) == {"mean", "p5"}
    assert set(told["similarity_to_target"]) == {"mean"}
    assert told["frames"] == {"total": 10, "swapped": 9, "skipped": {"no_face": 1}}


def test_the_mesh_swap_is_closer_to_the_identity_and_leaves_the_rest(stage, screening):
    report, table = build_report(screening, stage[2].frames)
    assert report.closer_to_identity_share == 1
    assert report.similarity_to_identity.p5 <= report.similarity_to_identity.mean
    assert report.background_ssim > 0.97
    assert report.landmark_error_iod == 0  # both sides were given the same landmarks
    assert np.isnan(table.loc[4, "swap_change"])  # after a gap
    assert table.loc[5, "flicker"] == table.loc[5, "swap_change"] - table.loc[5, "source_change"]


def test_the_table_holds_every_frame_and_why_it_was_left_alone(stage, screening):
    _, table = build_report(screening, stage[2].frames)
    assert table["frame_index"].tolist() == list(range(10))
    assert table.index[~table["swapped"]].tolist() == [3]
    assert table["reason"].tolist() == ["", "", "", "no_face", *[""] * 6]
    assert np.isnan(table.loc[3, ["seam_delta_e", "similarity_to_identity"]].astype(float)).all()
    assert table.loc[3, "background_ssim"] > 0.99  # the whole frame was left alone


def test_a_cut_swap_is_judged_by_the_frames_of_the_cut(stage, screening, tmp_path):
    settings = dataclasses.replace(SETTINGS, start_s=0.07, end_s=0.3, side_by_side=True)
    manifest = make_swap(stage[1], settings, tmp_path / "swapped.mp4")
    assert manifest.frames == FrameCounts(total=6, swapped=5, skipped={"no_face": 1})
    assert len(list(decode(tmp_path / "side_by_side.mp4"))) == 6
    film = film_of(stage[1].sources, screening.swapped_landmarks, cut_of(settings))
    cut = dataclasses.replace(
        screening,
        film=film,
        swapped=tmp_path / "swapped.mp4",
        casting=cast(film.landmarks, [Part("ada", frozenset({0}))], settings),
        masks=KeptMasks(tmp_path / "masks.parquet"),
        swapped_landmarks=film.landmarks,
    )
    report, table = build_report(cut, manifest.frames)
    assert table["reason"].tolist() == ["", "no_face", "", "", "", ""]
    assert report.background_ssim > 0.97
    assert report.closer_to_identity_share == 1


def test_the_target_itself_is_closer_to_the_target_and_flickers_as_it_does(stage, screening):
    unswapped = Screening(**{**vars(screening), "swapped": screening.film.paths[0]})
    report, _ = build_report(unswapped, stage[2].frames)
    assert report.closer_to_identity_share == 0
    assert report.seam_delta_e == 0
    assert report.flicker_ratio == pytest.approx(1)
    assert report.background_ssim == pytest.approx(1)


def test_a_video_of_another_length_is_refused(stage, screening, tmp_path):
    frames, _ = talking(4)
    short = write_clip(tmp_path / "short.mp4", frames, sound=False)
    with pytest.raises(VerificationError, match="does not have as many frames"):
        build_report(Screening(**{**vars(screening), "swapped": short}), stage[2].frames)


def test_every_frame_is_shown_to_the_listener(stage, screening):
    seen = []
    build_report(screening, stage[2].frames, lambda source, rgb: seen.append(source.index))
    assert seen == list(range(10))


def test_the_sheet_has_a_row_per_moment_and_a_column_per_stage(screening, tmp_path):
    cells = [np.full((320, 320, 3), shade, np.uint8) for shade in (10, 60, 110, 160)]
    moments = [Moment(k / 2, *cells) for k in range(3)]
    sheet = contact_sheet(moments)
    assert sheet.shape[1] == 320 * len(COLUMNS)
    assert sheet.shape[0] > 3 * 320
    middles = [int(sheet[200, 160 + 320 * k, 0]) for k in range(4)]
    assert middles == [10, 60, 110, 160]
    save_png(tmp_path / "a.png", sheet)
    save_png(tmp_path / "b.png", contact_sheet(moments))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_sheet_of_nothing_is_refused():
    with pytest.raises(BadInputError, match="at least 1 moment"):
        contact_sheet([])


def test_the_video_of_the_manifest_plays(stage):
    folder, _, manifest, _ = stage
    assert sum(1 for _ in decode(folder / "swap" / manifest.video.name)) == 10


def test_of_several_people_each_is_measured_against_their_own(stage, screening):
    casting = cast(
        screening.film.landmarks,
        [Part("ada", frozenset({0})), Part("eve", frozenset({7}))],
        SETTINGS,
    )
    two = dataclasses.replace(
        screening,
        casting=casting,
        identities=np.repeat(screening.identities, 2, axis=0),
        targets=np.repeat(screening.targets, 2, axis=0),
    )
    report, table = build_report(two, stage[2].frames)
    assert report.people == {}  # eve's face was never swapped
    assert len(table) == 20
    assert table.loc[table["identity"] == "eve", "reason"].unique().tolist() == ["no_face"]
    both = dataclasses.replace(casting, roles=(casting.roles[0], casting.roles[0]))
    masks = {Spot(*spot): shown for spot, shown in screening.masks.items()}
    masks |= {Spot(frame, 1): shown for (frame, _), shown in screening.masks.items()}
    swapped_roles = dataclasses.replace(
        two,
        casting=both,
        masks=masks,
        identities=np.concatenate([two.identities[:1], two.targets[:1]]),
    )
    people = build_report(swapped_roles, stage[2].frames)[0].people
    assert set(people) == {"0", "1"}
    assert people["0"].closer_to_identity_share == 1
    assert people["1"].similarity_to_identity.mean == people["1"].similarity_to_target.mean
