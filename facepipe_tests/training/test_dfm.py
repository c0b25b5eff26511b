"""A DFM keeps FaceFusion's reading order and draws where the network draws."""

import cv2
import numpy as np
import onnx
import pytest

from facepipe.landmarks.alignment import NETWORK_112, network_transform
from facepipe.landmarks.regions import five_points
from facepipe.training.formats import exported_files, write_files
from facepipe_tests.training.conftest import five_points_px
from facepipe_tests.training.foreign_readers import dfm_session, read_dfm, whole_face_crop
from facepipe_tests.training.published import NAME, PX, publish, tinting_network

PLAIN = np.ones((1, 3, 1, 1))
NO_TINT = np.zeros((512, 3))


@pytest.fixture
def dfm(make_faces, embeddings, tmp_path):
    """Make a network into a DFM and say where it lies."""

    def make(content, half=False):
        published = publish(tmp_path / "pair", content, embeddings[0], make_faces())
        files = exported_files(published, "dfm", half=half)
        (path,) = write_files(files, tmp_path / "custom", replace=False)
        return path

    return make


@pytest.fixture(scope="module")
def face(make_faces):
    """A stored face as a frame, and its five points."""
    return make_faces(1).crops_rgb[0], five_points_px().astype(np.float32)


def test_the_folder_holds_nothing_that_facefusion_would_take_for_another_model(dfm):
    path = dfm(tinting_network(PLAIN, NO_TINT))
    assert [file.name for file in path.parent.iterdir()] == [f"{NAME}.dfm"]


def test_inputs_and_outputs_have_the_names_and_the_order_of_the_format(dfm):
    session, size = dfm_session(dfm(tinting_network(PLAIN, NO_TINT)))
    assert size == (2 * PX, 2 * PX)
    assert [value.name for value in session.get_outputs()] == [
        "out_face_mask", "out_celeb_face", "out_celeb_face_mask",
    ]  # fmt: skip


def test_a_network_that_changes_nothing_leaves_the_face_as_it_came(dfm, face):
    square, _ = whole_face_crop(face[0], face[1], 2 * PX)
    smooth = cv2.GaussianBlur(square, (0, 0), 4)
    drawn = read_dfm(dfm(tinting_network(PLAIN, NO_TINT)), smooth).face_bgr
    assert np.abs(drawn - smooth / 255).max() < 0.02


def test_red_of_the_network_is_the_last_channel_of_the_file(dfm):
    path = dfm(tinting_network(np.array([1.0, 0.5, 0.0]).reshape(1, 3, 1, 1), NO_TINT))
    middle = read_dfm(path, np.full((256, 256, 3), 200, np.uint8)).face_bgr[128, 128]
    np.testing.assert_allclose(middle, np.array([0.0, 0.5, 1.0]) * 200 / 255, atol=2e-3)


@pytest.mark.parametrize("half", [False, True])
def test_the_person_is_baked_in(dfm, embeddings, half):
    tint = np.stack([embeddings[0] * share for share in (0.2, 0.4, 0.6)], axis=1)
    path = dfm(tinting_network(0 * PLAIN, tint), half=half)
    middle = read_dfm(path, np.zeros((256, 256, 3), np.uint8)).face_bgr[128, 128]
    np.testing.assert_allclose(middle, [0.6, 0.4, 0.2], atol=2e-3)


def test_what_the_network_draws_lies_where_the_inswapper_contract_has_it(dfm, face):
    nose_px = NETWORK_112[2]
    x, y = np.meshgrid(np.arange(PX), np.arange(PX))
    spot = np.exp(-((x - nose_px[0]) ** 2 + (y - nose_px[1]) ** 2) / 50)
    path = dfm(tinting_network(spot[None, None].repeat(3, 1), NO_TINT))
    frame, five = np.full_like(face[0], 255), face[1]
    square, to_whole = whole_face_crop(frame, five, 2 * PX)
    drawn = read_dfm(path, square).face_bgr.mean(2)
    rows, columns = (part[40:-40, 40:-40] for part in np.indices(drawn.shape))
    inside = drawn[40:-40, 40:-40]  # the rim is white
    at = np.array([(inside * columns).sum(), (inside * rows).sum()]) / inside.sum()
    in_frame = cv2.transform(at[None, None], cv2.invertAffineTransform(to_whole))[0, 0]
    contract = cv2.invertAffineTransform(network_transform(five))
    wanted = cv2.transform(nose_px[None, None].astype(np.float64), contract)[0, 0]
    assert np.linalg.norm(in_frame - wanted) < 0.5  # of the frame, where the face is 250 px


def test_the_rim_beyond_the_networks_square_stays_as_it_came(dfm):
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    read = read_dfm(dfm(tinting_network(0 * PLAIN, NO_TINT)), noise)
    np.testing.assert_allclose(read.face_bgr[-8:], noise[-8:] / 255, atol=1e-6)
    assert np.abs(read.face_bgr[100:150, 100:150]).max() == 0


def test_masks_show_the_middle_of_the_face_and_nothing_at_the_rim(dfm):
    read = read_dfm(dfm(tinting_network(PLAIN, NO_TINT)), np.zeros((256, 256, 3), np.uint8))
    for mask in (read.source_mask, read.target_mask):
        assert mask[140, 128] == 1
        assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0
        assert 0.2 < mask.mean() < 0.7


def test_masks_are_the_outline_of_the_targets_faces(dfm, make_faces):
    read = read_dfm(dfm(tinting_network(PLAIN, NO_TINT)), np.zeros((256, 256, 3), np.uint8))
    faces = make_faces()
    outlines = [
        whole_face_crop(mask.astype(np.float32), five, 2 * PX)[0]
        for mask, five in zip(faces.masks, five_points(faces.points_px), strict=True)
    ]
    seen, there = read.target_mask > 0.5, np.mean(outlines, axis=0) > 0.5
    within = slice(20, -20)  # these faces reach beyond the network's square
    wrong = (seen ^ there)[within, within]
    assert wrong.mean() < 0.01


def test_several_faces_at_once_are_drawn_as_each_alone(dfm, embeddings):
    tint = np.stack([embeddings[0] * 0.3] * 3, axis=1)
    session, size = dfm_session(dfm(tinting_network(0.5 * PLAIN, tint)))
    faces = np.random.default_rng(0).random((3, *size, 3), np.float32)
    together = session.run(None, {"in_face:0": faces})
    alone = [session.run(None, {"in_face:0": face[None]}) for face in faces]
    for place, output in enumerate(together):
        one_by_one = np.concatenate([outputs[place] for outputs in alone])
        np.testing.assert_allclose(output, one_by_one, atol=1e-6)


def test_the_file_says_what_it_was_made_from(dfm):
    model = onnx.load(dfm(tinting_network(PLAIN, NO_TINT)))
    told = {prop.key: prop.value for prop in model.metadata_props}
    assert told["face_type"] == "whole_face"
    assert NAME in told["facepipe"]
