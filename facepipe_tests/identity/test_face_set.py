"""A face set comes back as it was saved, and its previews show its faces."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from facepipe.errors import BadInputError, NoFaceError, ShapeError
from facepipe.identity.face_set import FaceSet
from facepipe.identity.previews import TILE_PX, contact_sheet, thumbnail

COLUMNS = [
    "source", "frame_index", "pts_s", "track_id", "yaw_deg", "pitch_deg", "roll_deg", "sharpness",
    "score", "face_px", "reason",
]  # fmt: skip


@pytest.fixture(scope="module")
def faces(make_faces):
    """Five faces, the third straight ahead."""
    return make_faces([1] * 5, yaw_deg=[-20, -5, 1, 12, 30])


def test_save_and_load_are_exact(faces, tmp_path):
    faces.save(tmp_path, pd.DataFrame())
    loaded = FaceSet.load(tmp_path)
    for field in dataclasses.fields(FaceSet):
        np.testing.assert_array_equal(getattr(loaded, field.name), getattr(faces, field.name))


def test_the_same_faces_are_saved_as_the_same_bytes(faces, tmp_path):
    for name in ("one", "two"):
        faces.save(tmp_path / name, pd.DataFrame())
    one, two = (sorted(path for path in (tmp_path / name).rglob("*.*")) for name in ("one", "two"))
    assert len(one) == 7
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_the_table_lists_faces_and_rejected(faces, tmp_path):
    rejected = faces.table().head(2).assign(reason="too_small")
    faces.save(tmp_path, rejected)
    table = pd.read_parquet(tmp_path / "faces.parquet")
    assert list(table) == COLUMNS
    assert table["reason"].tolist() == [""] * 5 + ["too_small"] * 2


def test_an_empty_set_can_be_kept(faces, tmp_path):
    rows = {f.name: getattr(faces, f.name)[:0] for f in dataclasses.fields(FaceSet)}
    FaceSet(**rows | {"sources": ("clip.mp4",)}).save(tmp_path, faces.table().assign(reason="x"))
    assert len(FaceSet.load(tmp_path)) == 0


def test_a_missing_crop_is_named(faces, tmp_path):
    faces.save(tmp_path, pd.DataFrame())
    (tmp_path / "crops" / "000003.png").write_bytes(b"")
    with pytest.raises(BadInputError, match=r"000003\.png: the crop is missing or damaged"):
        FaceSet.load(tmp_path)


def test_arrays_of_unlike_length_are_refused(faces):
    with pytest.raises(ShapeError, match=r"score must have shape \(5\)"):
        dataclasses.replace(faces, score=faces.score[:4])


def test_the_thumbnail_looks_straight_ahead(faces):
    np.testing.assert_array_equal(thumbnail(faces), faces.crops_rgb[2])


def test_a_blurred_face_is_no_thumbnail(faces):
    blurred = dataclasses.replace(faces, sharpness=np.array([9, 9, 1, 9, 9], np.float32))
    np.testing.assert_array_equal(thumbnail(blurred), faces.crops_rgb[1])


def test_the_contact_sheet_shows_faces_in_rows(faces):
    sheet = contact_sheet(faces, columns=3)
    assert sheet.shape == (2 * TILE_PX, 3 * TILE_PX, 3)
    assert (sheet[TILE_PX:, 2 * TILE_PX :] == 255).all()
    assert sheet[:TILE_PX, :TILE_PX].std() > 10
    assert contact_sheet(faces, columns=2, rows=1).shape == (TILE_PX, 2 * TILE_PX, 3)


def test_an_empty_set_has_no_pictures(faces):
    rows = {f.name: getattr(faces, f.name)[:0] for f in dataclasses.fields(FaceSet)}
    empty = FaceSet(**rows | {"sources": ()})
    for picture in (thumbnail, contact_sheet):
        with pytest.raises(NoFaceError, match="holds 0 faces"):
            picture(empty)
