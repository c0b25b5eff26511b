"""A network that draws 256 px is trained, resumed, adapted, exported and swapped with."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from insightface.model_zoo.inswapper import INSwapper
from insightface.utils.face_align import norm_crop2

from facepipe.errors import BadInputError, ModelFileError, SettingsError, StoppedError
from facepipe.landmarks.alignment import network_transform
from facepipe.media.decode import decode
from facepipe.swapping.casting import Spot
from facepipe.swapping.film import film_of
from facepipe.swapping.making import load_drawn
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import OnnxSwapper
from facepipe.swapping.video import swap_video
from facepipe.training.checkpoint import load_generator
from facepipe.training.export import export_identity, export_lora
from facepipe.training.formats import exported_files
from facepipe.training.inswapper_reader import read_inswapper
from facepipe.training.lora import train_lora
from facepipe_tests.swapping.clips import landmarks_of, one_part, talking, write_clip
from facepipe_tests.training.conftest import (
    ON_CPU,
    TINY,
    TINY_LORA,
    five_points_px,
    same_result,
    stop_after,
)
from facepipe_tests.training.foreign_readers import dfm_session
from facepipe_tests.training.published import publish

FINE = replace(TINY, pixels=256, epochs=1)
NAME = "ann_to_bob_lora"


@pytest.fixture(scope="module")
def trained(make_run, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("fine"))("one", FINE)[1]


@pytest.fixture(scope="module")
def adapted(trained, make_faces, embeddings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapted")
    train_lora(
        trained, make_faces(), embeddings[0], make_faces(colour=(90, 110, 170)), embeddings[1],
        replace(TINY_LORA, epochs=1), device=ON_CPU, scratch=folder / "s", out=folder / "out",
    )  # fmt: skip
    return folder / "out"


@pytest.fixture(scope="module")
def exported(trained, adapted, tmp_path_factory):
    out = tmp_path_factory.mktemp("onnx")
    return export_lora(trained, adapted, out, NAME), out / f"{NAME}.onnx"


def test_stopped_and_resumed_it_ends_in_the_same_bytes(run, trained):
    with pytest.raises(StoppedError):
        run("again", FINE, stop=stop_after(2))
    assert same_result(run("again", FINE)[1], trained)


def test_a_state_of_another_size_is_not_gone_on_with(run):
    run("size", replace(TINY, epochs=1))
    with pytest.raises(SettingsError, match=r"pixels \(state: 128, now: 256\)"):
        run("size", replace(FINE, epochs=2))


def test_its_export_draws_what_was_trained(exported):
    report, _ = exported
    assert set(report.parity) == {"1", "4"}
    assert max(report.parity.values()) <= 1e-4


@pytest.mark.filterwarnings(
    "ignore:`estimate` is deprecated:FutureWarning"
)  # scikit-image, in insightface
def test_insightface_takes_the_size_from_the_file_and_draws_the_same_face(exported, embeddings):
    # its `get_model` takes files of other sizes than 128 px for embedders
    theirs = INSwapper(str(exported[1]))
    assert theirs.input_size == (256, 256)
    frame = np.random.default_rng(0).integers(0, 255, (320, 320, 3), np.uint8)
    five = five_points_px().astype(np.float32)
    person = SimpleNamespace(normed_embedding=embeddings[0])
    drawn_bgr, transform = theirs.get(
        np.ascontiguousarray(frame[..., ::-1]), SimpleNamespace(kps=five), person, paste_back=False
    )
    np.testing.assert_allclose(transform, network_transform(five, 256), atol=1e-2)
    crop, _ = norm_crop2(frame, five, 256)
    ours, _ = OnnxSwapper(exported[1], embeddings[0], "cpu").swap(
        crop[None], np.zeros((1, 478, 3), np.float32)
    )
    assert np.abs(ours[0].astype(int) - drawn_bgr[..., ::-1]).max() <= 1  # we round


def test_a_clip_is_swapped_with_it(exported, embeddings, tmp_path):
    frames, points = talking()
    film = film_of([write_clip(tmp_path / "clip.mp4", frames)], landmarks_of(points, [0] * 10))
    swapper = OnnxSwapper(exported[1], embeddings[0], "cpu")
    log = swap_video(
        one_part(film, {0}, swapper, frozenset({Spot(0, 0)})),
        tmp_path / "out.mp4",
        SwapSettings(crf=5, preset="ultrafast", batch=4),
    )
    assert log["swapped"].all()
    assert [square.shape for square in load_drawn(tmp_path).values()] == [(256, 256, 3)]
    for before, after in zip(film.frames(), decode(tmp_path / "out.mp4"), strict=True):
        assert after.rgb.shape == before.rgb.shape
        assert np.abs(after.rgb.astype(int) - before.rgb)[:, :20].mean() < 5  # the encoder's


def test_an_adapter_of_a_128_px_base_is_refused(trained, base, make_faces, embeddings, tmp_path):
    train_lora(
        base, make_faces(), embeddings[0], make_faces(seed=4), embeddings[1],
        replace(TINY_LORA, epochs=1), device=ON_CPU, scratch=tmp_path / "s", out=tmp_path / "other",
    )  # fmt: skip
    with pytest.raises(ModelFileError, match="trained on the identity model") as refused:
        export_lora(trained, tmp_path / "other", tmp_path / "onnx", NAME)
    assert "\n" not in str(refused.value)


def test_it_goes_into_the_formats_that_hold_its_size(exported, make_faces, embeddings, tmp_path):
    content = exported[1].read_bytes()
    published = publish(tmp_path / "pair", content, embeddings[0], make_faces())
    assert exported_files(published, "inswapper", half=False)[f"{NAME}.onnx"] == content
    dfm = tmp_path / "fine.dfm"
    dfm.write_bytes(exported_files(published, "dfm", half=False)[f"{NAME}.dfm"])
    assert dfm_session(dfm)[1] == (512, 512)
    with pytest.raises(BadInputError, match=r"draws squares of 256 px and WatserFace cuts 128 px"):
        exported_files(published, "watserface", half=False)


def test_the_inswapper_layout_comes_at_256_px_as_well(run, tmp_path):
    _, out = run("painting", replace(FINE, architecture="inswapper", width=2, steps_per_epoch=1))
    report = export_identity(out, tmp_path)
    assert max(report.parity.values()) <= 1e-4
    network, shape = read_inswapper(tmp_path / "model.onnx", 256)
    assert shape.pixels == network.pixels == load_generator(out).pixels == 256
    with pytest.raises(ModelFileError, match="128, 128"):
        read_inswapper(tmp_path / "model.onnx")
