"""A face is drawn to be taken for the identity, where an ArcFace model can be learnt through."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from facepipe.errors import ModelFileError, SettingsError, StoppedError
from facepipe.identity.embedding import arcface_embedder
from facepipe.identity.profile import Profile
from facepipe.training import jobs
from facepipe.training.evaluation import Senses
from facepipe.training.generator import Drawing
from facepipe.training.likeness import Likeness
from facepipe.training.losses import Batch
from facepipe_tests.training.conftest import TINY, same_result, stop_after
from facepipe_tests.training.small_arcface import small_arcface

WITH = replace(TINY, identity=0.5)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory):
    return arcface_embedder(small_arcface(tmp_path_factory.mktemp("models") / "my_arcface.onnx"))


@pytest.fixture(scope="module")
def senses(embedder):
    return Senses(embedder.embed, arcface=embedder.file)


def faces(count, seed=0):
    """Smooth pictures `(N, 3, 128, 128)` in 0..1."""
    coarse = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, 128, mode="bilinear")


def batch(embeddings, drawn=(1, 1, 0), people=(0, 1, 0)):
    """Faces over which the first half of each is to be drawn, or nothing."""
    believed = torch.zeros(3, 1, 128, 128)
    for place, share in enumerate(drawn):
        believed[place, :, :64] = share
    source = torch.from_numpy(embeddings[list(people)])
    return Batch(
        faces(3, 1), source, faces(3, 2), believed, 1 + believed, torch.zeros(3, 3, 128, 128)
    )


def drawing(face):
    mask = torch.ones(len(face), 1, 128, 128)
    return Drawing(face, face, mask, None)


def term(embedder, embeddings):
    return Likeness(embedder.file, torch.from_numpy(embeddings[0]), CPU)


def test_it_is_how_far_the_embedder_has_the_drawn_face_from_the_profile(embedder, embeddings):
    """As a share of all faces: those not drawn, or drawn as somebody else, cost nothing."""
    given, drawn = batch(embeddings), faces(3, 3)
    shown = given.wanted[0].clone()
    shown[:, :64] = drawn[0, :, :64]
    square = (shown[:, :112, 8:120] * 255).round().byte().permute(1, 2, 0).numpy()
    wanted = (1 - float(embedder.embed(square[None])[0] @ embeddings[0])) / 3
    found = term(embedder, embeddings)(drawing(drawn), given)
    assert float(found) == pytest.approx(wanted, abs=2e-3)


def test_with_nobody_drawn_as_the_identity_it_costs_nothing(embedder, embeddings):
    given = batch(embeddings, drawn=(0, 1, 0))
    assert float(term(embedder, embeddings)(drawing(faces(3)), given)) == 0


def test_it_pulls_at_the_drawn_face_alone(embedder, embeddings):
    face = faces(3).requires_grad_()
    term(embedder, embeddings)(drawing(face), batch(embeddings)).backward()
    assert face.grad[0, :, :64].abs().max() > 0
    assert not face.grad[0, :, 64:].any()
    assert not face.grad[1:].any()


def test_following_it_makes_a_face_more_alike(embedder, embeddings):
    likeness, face = term(embedder, embeddings), faces(3).requires_grad_()
    given = batch(embeddings, drawn=(1, 1, 1), people=(0, 0, 0))
    costs = []
    adam = torch.optim.Adam([face], 0.02)
    for _ in range(15):
        cost = likeness(drawing(face), given)
        adam.zero_grad()
        cost.backward()
        adam.step()
        costs.append(float(cost.detach()))
    assert costs[-1] < costs[0] - 0.1


def test_without_an_arcface_profile_it_says_what_to_put_where(run):
    with pytest.raises(
        SettingsError, match=r"identity is 0\.5, .* into data/models .*profile anew"
    ):
        run("without", WITH, senses=Senses())


def test_a_file_that_cannot_be_learnt_through_ends_the_training_before_it_begins(run, tmp_path):
    odd = arcface_embedder(small_arcface(tmp_path / "odd_arcface.onnx", last="Softmax"))
    with pytest.raises(ModelFileError, match=r"odd_arcface\.onnx: its node .* is a Softmax"):
        run("odd", WITH, senses=Senses(odd.embed, arcface=odd.file))


def test_the_term_is_told_under_its_own_name_and_is_no_part_of_the_loss(run, senses):
    plain, _ = run("plain", replace(TINY, epochs=1), senses=senses)
    summary, out = run("with", WITH, senses=senses)
    assert "identity" not in plain.history[0]
    rows = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert all(0.1 < row["identity"] < 2 for row in rows)
    assert summary.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=0.05)
    assert summary.history[0]["loss"] != plain.history[0]["loss"]


def test_the_more_it_weighs_the_more_alike_the_faces_become(run, senses):
    long = replace(TINY, epochs=4, steps_per_epoch=10, learning_rate=4e-3, ema=0.5)
    last = [
        run(name, replace(long, identity=weight), senses=senses)[0].history[-1]["identity"]
        for name, weight in (("weak", 1e-6), ("strong", 5.0))
    ]
    assert last[1] < last[0] - 0.02


def test_stopped_and_resumed_it_ends_in_the_same_bytes(run, senses):
    _, straight = run("straight", WITH, senses=senses)
    with pytest.raises(StoppedError):
        run("stopped", WITH, senses=senses, stop=stop_after(4))
    _, out = run("stopped", WITH, senses=senses)
    assert same_result(out, straight)


def test_another_arcface_file_does_not_go_on_with_what_one_began(run, senses, tmp_path):
    run("begun", WITH, senses=senses)
    other = arcface_embedder(small_arcface(tmp_path / "other_arcface.onnx", seed=1))
    with pytest.raises(SettingsError, match="another identity_embedder"):
        run("begun", replace(WITH, epochs=3), senses=Senses(other.embed, arcface=other.file))


@pytest.mark.parametrize("kind", ["builtin", "arcface"])
def test_trainings_get_the_file_that_made_the_profile_and_no_other(
    embedder, kind, monkeypatch, tmp_path
):
    def nowhere(name, folder):
        raise ModelFileError(f"{folder}: no {name}")

    monkeypatch.setattr(jobs, "ensure_model", nowhere)
    folder = embedder.file.path.parent
    small_arcface(folder / "another_arcface.onnx", seed=5)
    made_by = profile_of(embedder if kind == "arcface" else None)
    with jobs.senses_of(folder, made_by) as senses:
        assert senses.arcface == (embedder.file if kind == "arcface" else None)
        assert senses.embed(np.zeros((1, 112, 112, 3), np.uint8)).shape == (1, 512)


def profile_of(embedder):
    """What a profile says of who made it."""
    from facepipe.identity.embedding import builtin_embedder

    maker = embedder or builtin_embedder()
    record = {"name": maker.name, "version": maker.version, "sha256": maker.sha256}
    return Profile.model_construct(name="anna", quality_stats={"embedder": record})
