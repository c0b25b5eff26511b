"""Held-out faces are looked at as a report looks; a training that swaps nothing is found out."""

import json
from dataclasses import replace
from types import SimpleNamespace

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from facepipe.defs.learnt import closer_check, closer_spec
from facepipe.defs.partitions import PAIR
from facepipe.defs.resources import Device
from facepipe.defs.storage import Store
from facepipe.defs.training import trained
from facepipe.errors import StoppedError
from facepipe.identity.profile import mean_embedding
from facepipe.training import lora
from facepipe.training.batches import Pictures
from facepipe.training.data import load_faces
from facepipe.training.evaluation import Senses
from facepipe.training.guard import advice, is_swapped
from facepipe.training.identity_model import train_identity
from facepipe.training.lora import train_lora
from facepipe_tests.cli.granting import put_in
from facepipe_tests.training.conftest import ON_CPU, TINY, TINY_LORA, same_result, stop_after


def colours(crops_rgb):
    """What tells drawn people apart, `(N, 512)`: the colours of the face's middle."""
    middle = crops_rgb[:, 30:86:4, 32:80:4].reshape(len(crops_rgb), -1) / 255.0
    off = np.pad(middle - 0.5, ((0, 0), (0, 512 - middle.shape[1])))
    return off / np.linalg.norm(off, axis=1, keepdims=True)


SENSES = Senses(colours)
LOOKED_AT = replace(TINY_LORA, epochs=5, evaluate_every=2)


@pytest.fixture(scope="module")
def people(make_faces):
    return make_faces(), make_faces(colour=(90, 110, 170), seed=4)


@pytest.fixture(scope="module")
def known(people):
    return [mean_embedding(faces, SimpleNamespace(embed=colours)) for faces in people]


@pytest.fixture(scope="module")
def base(people, known, tmp_path_factory):
    """An identity model that learnt long enough for an adapter to move its colours."""
    folder = tmp_path_factory.mktemp("able")
    work = {"device": ON_CPU, "scratch": folder / "scratch", "out": folder / "out"}
    train_identity(people[0], known[0], replace(TINY, epochs=8, learning_rate=4e-3), **work)
    return folder / "out"


@pytest.fixture(scope="module")
def run(base, people, known):
    def run(folder, settings=LOOKED_AT, senses=SENSES, **more):
        work = {"device": ON_CPU, "scratch": folder / "scratch", "out": folder / "out", **more}
        who, other = people
        summary = train_lora(base, who, known[0], other, known[1], settings, senses=senses, **work)
        return summary, folder / "out"

    return run


@pytest.fixture(scope="module")
def looked_at(run, tmp_path_factory):
    return run(tmp_path_factory.mktemp("looked_at"))


PULLED = replace(LOOKED_AT, epochs=8, learning_rate=2e-2, taught=1.0, own=0.0)


def pull_to_the_target(monkeypatch):
    """Teach the target's own pictures, as an L1 to the target does."""

    def unswapped(_identity, target):
        return Pictures(target.rgb, target.regions[:, :1])

    monkeypatch.setattr(lora, "mesh_swaps", unswapped)


def test_flicker_is_told_where_held_out_frames_follow_each_other_and_else_missing(
    make_run, make_faces, tmp_path
):
    run = make_run(tmp_path)
    for count, told in ((30, True), (10, False)):
        summary, _ = run(f"of_{count}", replace(TINY, epochs=1), make_faces(count))
        assert ("flicker_ratio" in summary.evaluation["drawn"]) is told
        assert summary.evaluation["wanted"].get("flicker_ratio", 1) == 1  # their own film


def test_a_single_held_out_face_is_measured_as_several_are(make_run, make_faces, tmp_path):
    found = load_faces(make_faces(5), 5)
    assert len(found.judged) == 1
    senses = Senses(find=lambda picture: found.points_px[-1:])
    settings = replace(TINY, epochs=1, held_out_every=5)
    summary, _ = make_run(tmp_path)("one", settings, make_faces(5), senses=senses)
    assert summary.evaluation["drawn"]["landmark_error_iod"] == 0


def test_numbers_come_every_so_many_epochs_and_at_the_end_and_are_missing_in_between(looked_at):
    history = looked_at[0].history
    found = [row["epoch"] for row in history if "held_out_similarity_to_identity" in row]
    assert found == [2, 4, 5]
    assert all("held_out_loss" in row for row in history)


def test_without_an_embedder_the_numbers_are_missing(run, tmp_path):
    summary, _ = run(tmp_path, senses=Senses())
    names = {name for row in summary.history for name in row}
    assert not [name for name in names if "similarity" in name]


def test_looking_draws_no_chance(run, looked_at, tmp_path):
    _, blind = run(tmp_path, senses=Senses())
    for name in ("adapter_model.safetensors", "best/adapter_model.safetensors"):
        assert (blind / name).read_bytes() == (looked_at[1] / name).read_bytes()


@pytest.mark.parametrize("steps", [4, 6, 13])
def test_stopped_and_resumed_the_numbers_are_the_same(run, looked_at, tmp_path, steps):
    with pytest.raises(StoppedError):
        run(tmp_path, stop=stop_after(steps))
    assert same_result(run(tmp_path)[1], looked_at[1])


def test_made_longer_the_numbers_are_those_of_the_longer_one_done_at_once(run, looked_at, tmp_path):
    run(tmp_path, replace(LOOKED_AT, epochs=3))
    assert same_result(run(tmp_path)[1], looked_at[1])


def test_the_evaluation_is_of_the_weights_with_the_lowest_held_out_loss(looked_at):
    summary, out = looked_at
    evaluation = json.loads((out / "evaluation.json").read_text())
    assert evaluation == summary.evaluation
    best = min(summary.history, key=lambda row: row["held_out_loss"])
    assert evaluation["best_epoch"] == best["epoch"]
    assert evaluation["drawn"]["loss"] == best["held_out_loss"]


def test_what_is_wanted_is_looked_at_in_the_same_way(looked_at):
    evaluation = looked_at[0].evaluation
    assert evaluation["wanted"].keys() < evaluation["drawn"].keys()
    assert evaluation["wanted"]["change"] > 0.05


def test_the_timelapse_shows_every_preview_and_ends_with_the_last(looked_at):
    _, out = looked_at
    previews = sorted((out / "previews").glob("*.png"))
    with Image.open(out / "previews" / "timelapse.webp") as film, Image.open(previews[-1]) as last:
        shown_ms = 0  # pictures that look the same are one frame, shown for longer
        for place in range(film.n_frames):
            film.seek(place)
            film.load()
            shown_ms += film.info["duration"]
        assert len(previews) == 5
        assert shown_ms == (4 + 4) * 500
        assert film.size == last.size
        off = np.asarray(film.convert("RGB"), int) - np.asarray(last.convert("RGB"), int)
    assert np.abs(off).mean() < 6


def test_our_objective_passes_the_guard(looked_at):
    assert is_swapped(looked_at[0].evaluation)
    assert advice(looked_at[0].evaluation) == ""


def test_an_objective_that_pulls_to_the_target_fails_the_guard(run, tmp_path, monkeypatch):
    pull_to_the_target(monkeypatch)
    summary, _ = run(tmp_path, PULLED)
    assert not is_swapped(summary.evaluation)
    assert "closer to the target" in advice(summary.evaluation)


def numbers(identity, target, change=0.1):
    return {
        "similarity_to_identity": identity,
        "similarity_to_target": target,
        "closer_to_identity_share": 0.0,
        "change": change,
    }


@pytest.mark.parametrize(
    ("drawn", "wanted", "tried"),
    [
        (numbers(0.2, 0.4), numbers(0.3, 0.3), "more pictures"),
        (numbers(0.2, 0.4, change=0.01), numbers(0.5, 0.2), "raise epochs"),
        (numbers(0.3, 0.4), numbers(0.5, 0.2), "identity/checkpoint.epochs"),
        (numbers(0.3, 0.3), numbers(0.5, 0.2), "identity/checkpoint.epochs"),
    ],
)
def test_what_to_try_depends_on_where_the_identity_was_lost(drawn, wanted, tried):
    evaluation = {"drawn": drawn, "wanted": wanted}
    assert not is_swapped(evaluation)
    assert tried in advice(evaluation)


@pytest.mark.parametrize("pulled", [False, True])
def test_the_asset_is_made_and_its_check_tells(run, tmp_path, monkeypatch, pulled):
    settings = PULLED if pulled else replace(LOOKED_AT, epochs=2)
    if pulled:
        pull_to_the_target(monkeypatch)
    store = Store(root=str(tmp_path))
    put_in(store, identity="alice", target="bob")  # a checkpoint names its consents

    @dg.asset(
        key=["pair", "lora_checkpoint"],
        partitions_def=PAIR,
        code_version="1",
        check_specs=[closer_spec()],
    )
    def adapter(context: dg.AssetExecutionContext):
        def train(**where):
            return run(tmp_path, settings, **where)[0]

        made_from = {"media": "m"}, settings
        device = Device(device="cpu", threads=1)
        yield trained(context, store, device, made_from, lambda: train, closer_check)

    with dg.DagsterInstance.ephemeral() as instance:
        for name, key in (("identity", "alice"), ("target", "bob")):
            instance.add_dynamic_partitions(name, [key])
        results = [
            dg.materialize([adapter], partition_key="alice|bob", instance=instance)
            for _ in range(2)  # the second time nothing is made, and the same is told
        ]
        warned = [
            "check closer_to_identity failed: the drawn" in entry.user_message
            for result in results
            for entry in instance.all_logs(result.run_id)
        ]
    assert sum(warned) == (2 if pulled else 0)
    for result in results:
        (event,) = result.asset_materializations_for_node("pair__lora_checkpoint")
        (check,) = result.get_asset_check_evaluations()
        assert result.success
        assert check.passed is not pulled
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert ("closer to the target" in (check.description or "")) is pulled
        assert {"similarity_curve", "loss_curve", "best_rule", "timelapse"} <= event.metadata.keys()
