"""A network of the inswapper layout is trained and adapted, from a file or from nothing."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from facepipe.errors import BadInputError, SettingsError, StoppedError
from facepipe.training.adapter import load_adapter
from facepipe.training.checkpoint import load_generator
from facepipe.training.generator import Drawing, joined_drawings
from facepipe.training.inswapper_reader import read_inswapper
from facepipe.training.lora import train_lora
from facepipe_tests.training.conftest import ON_CPU, TINY, TINY_LORA, same_result, stop_after
from facepipe_tests.training.foreign_inswapper import Foreign
from facepipe_tests.training.foreign_readers import last_initializer

PLAIN = replace(TINY, architecture="inswapper", width=2)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    path = tmp_path_factory.mktemp("theirs") / "theirs.onnx"
    path.write_bytes(Foreign(width=2, blocks=1).content())
    return path


@pytest.fixture(scope="module")
def from_theirs(theirs):
    return replace(PLAIN, weights=str(theirs))


@pytest.fixture(scope="module")
def trained(make_run, from_theirs, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("trained"))("one", from_theirs)


def test_a_training_starts_from_the_files_weights_and_keeps_its_map(trained, theirs):
    before, after = read_inswapper(theirs)[0], load_generator(trained[1])
    np.testing.assert_array_equal(after.emap.numpy(), last_initializer(theirs))
    for (name, one), (_, other) in zip(
        before.named_parameters(), after.named_parameters(), strict=True
    ):
        assert not torch.equal(one, other), name
        # six steps of Adam go no further than six times the rate
        assert (one - other).abs().max() < 0.01, name


def test_what_is_not_looked_up_is_not_told(trained):
    rows = [json.loads(line) for line in (trained[1] / "history.jsonl").read_text().splitlines()]
    assert {"loss", "l1", "ssim", "held_out_loss"} <= rows[-1].keys()
    assert not any("lookup" in name or "mask" in name for name in rows[-1])


def test_a_training_stopped_and_resumed_ends_in_the_same_bytes_wherever_the_file_lies(
    run, trained, theirs, from_theirs, tmp_path
):
    with pytest.raises(StoppedError):
        run("again", from_theirs, stop=stop_after(4))
    moved = shutil.copy(theirs, tmp_path / "moved.onnx")
    _, out = run("again", replace(from_theirs, weights=str(moved)))
    assert same_result(out, trained[1])


def test_a_state_of_other_weights_is_refused(run, from_theirs, tmp_path):
    run("one", from_theirs)
    other = tmp_path / "other.onnx"
    other.write_bytes(Foreign(width=2, blocks=1, plus_one=True).content())
    with pytest.raises(SettingsError, match="weights"):
        run("one", replace(from_theirs, weights=str(other), epochs=3))


def test_it_learns_four_faces_by_heart_from_nothing(run, make_faces):
    settings = replace(
        PLAIN, epochs=1, steps_per_epoch=40, batch_size=4, width=4, learning_rate=2e-3, ema=0.5,
        bend_px=0.5, shift_px=0.0, turn_deg=0.0, zoom=0.0, light=0.0,
    )  # fmt: skip
    summary, _ = run("heart", settings, make_faces(4))
    assert summary.best["psnr_db"] > 17


def test_an_adapter_learns_on_it_and_the_base_stays(trained, make_faces, embeddings, tmp_path):
    base = trained[1]
    before = load_generator(base / "best").state_dict()
    summary = train_lora(
        base, make_faces(), embeddings[0], make_faces(colour=(120, 170, 210)), embeddings[1],
        TINY_LORA, device=ON_CPU, scratch=tmp_path / "s", out=tmp_path / "out",
    )  # fmt: skip
    assert 0 < summary.trainable_params < summary.total_params
    adapted = load_adapter(base / "best", tmp_path / "out")
    learnt = [p for name, p in adapted.named_parameters() if "lora_B" in name]
    assert all(p.abs().max() > 0 for p in learnt)
    after = load_generator(base / "best").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_person_is_mapped_as_readers_of_the_file_map_them(theirs):
    network, _ = read_inswapper(theirs)
    source = torch.nn.functional.normalize(torch.rand(3, 512))
    mapped = source @ torch.tensor(last_initializer(theirs))
    wanted = mapped / mapped.norm(dim=1, keepdim=True)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(network.latent(source), wanted, atol=1e-6, rtol=0)


def test_drawings_are_joined_whether_they_look_up_or_not():
    picture, mask, lookup = torch.rand(2, 3, 4, 4), torch.rand(2, 1, 4, 4), torch.rand(2, 2, 4, 4)
    plain = joined_drawings([Drawing(picture, picture, mask, None)] * 3)
    assert plain.rgb.shape == (6, 3, 4, 4)
    assert plain.lookup is None
    looked = joined_drawings([Drawing(picture, picture, mask, lookup)] * 3)
    assert torch.equal(looked.lookup, lookup.repeat(3, 1, 1, 1))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"architecture": "dfl"}, "architecture is 'dfl'; known: compact, inswapper"),
        ({"weights": "x.onnx"}, "weights is 'x.onnx' and architecture 'compact'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong, said):
    with pytest.raises(SettingsError, match=said):
        replace(TINY, **wrong)


def test_weights_are_found_by_their_path_or_by_the_name_they_were_registered_under(
    theirs, tmp_path
):
    from facepipe.defs.foreign_models import model_file
    from facepipe.inference.models import register_model

    registered = register_model("mine", theirs, "my own", tmp_path)
    assert model_file("mine", tmp_path) == registered
    assert model_file(str(theirs), tmp_path) == theirs
    assert model_file("", tmp_path) is None
    with pytest.raises(BadInputError, match="no model is called 'other'"):
        model_file("other", tmp_path)
