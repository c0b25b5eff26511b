"""The occluder learns what is before a face, goes on where it stopped, and is exported as asked."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from facepipe.errors import ModelFileError, NoFaceError, SettingsError, StoppedError
from facepipe.synthetic.people import Identity
from facepipe.training.device import DeviceSettings
from facepipe.training.occluder_data import FaceLesson, Hosts, lesson, plain_lesson
from facepipe.training.occluder_export import load_occluder
from facepipe.training.occluder_losses import Weights, ious, visible_losses
from facepipe.training.occluder_model import train_occluder
from facepipe.training.occluder_network import OccluderShape, seeded_occluder
from facepipe.training.occluder_people import drawn_hosts
from facepipe.training.occluder_settings import OccluderTrainingSettings
from facepipe_tests.training.conftest import same_result, stop_after

TINY = OccluderTrainingSettings(
    epochs=2, steps_per_epoch=2, batch_size=2, width=8, drawn_people=0, preview_every=1, ema=0.5
)
DEVICE = DeviceSettings("cpu", 1, "fp32")


@pytest.fixture(scope="module")
def people():
    """Two drawn people, three moments of each."""
    return drawn_hosts([6, 43], 3)


@pytest.fixture
def run(tmp_path, people):
    def start(name, settings=TINY, hosts=None, **work):
        scratch, out = tmp_path / name / "scratch", tmp_path / name / "out"
        hosts = [people] if hosts is None else hosts
        start_from = work.pop("start", None)
        summary = train_occluder(
            hosts, settings, start_from, device=DEVICE, scratch=scratch, out=out, **work
        )
        return summary, out

    return start


def taught(visible, sure=None):
    plane = torch.as_tensor(visible, dtype=torch.float32)[None, None]
    sure = torch.ones_like(plane) if sure is None else torch.as_tensor(sure)[None, None].float()
    return FaceLesson(plane.expand(-1, 3, -1, -1), plane, sure, plane)


def test_logits_are_made_shares_of_once():
    half = np.zeros((32, 32))
    half[:, :16] = 1
    known = taught(half)
    sure = visible_losses((known.visible - 0.5) * 40, known, Weights())
    assert float(sure["loss"]) < 1e-3  # of shares of shares, which stay within 0.5 and 0.73, 0.5
    even = visible_losses(torch.zeros(1, 1, 32, 32), known, Weights())
    assert float(even["bce"]) == pytest.approx(np.log(2), rel=1e-4)


def test_what_is_unknown_counts_nothing():
    half, sure = np.zeros((32, 32)), np.ones((32, 32))
    half[:, :16], sure[:16] = 1, 0
    known = taught(half, sure)
    logits = (known.visible - 0.5) * 40
    wrong = torch.where(known.sure > 0, logits, -logits)
    assert float(visible_losses(wrong, known, Weights())["loss"]) < 1e-3
    assert float(ious(wrong, known)) == 1


def test_lessons_hide_what_they_lay_before_a_face_and_nothing_else(people):
    made = lesson(people.reduced(128), range(6), people.rgb, np.random.default_rng(3))
    assert (made.visible <= made.outline + 1e-6).all()
    covered = made.outline.sum() - made.visible.sum()
    assert 0.05 < float(covered / made.outline.sum()) < 0.8
    bare = plain_lesson(people.reduced(128))
    assert torch.equal(bare.visible, bare.outline)


def test_so_much_of_each_face_is_left_that_one_can_tell_it_for_a_face(people):
    hosts, rng = people.reduced(128), np.random.default_rng(4)
    for _ in range(4):
        made = lesson(hosts, range(6), people.rgb, rng, ["cloth", "hand"])
        left = made.visible.sum((1, 2, 3)) / made.outline.sum((1, 2, 3))
        assert left.min() > 0.19


def test_drawn_people_stand_before_other_backgrounds_with_their_glasses_on_their_faces():
    with_glasses = next(seed for seed in range(100) if Identity.sample(seed).glasses)
    hosts = drawn_hosts([with_glasses], 2, 128)
    corners = hosts.rgb[:, :20, :20].reshape(2, -1, 3).astype(float).mean(1)
    assert np.abs(corners[0] - corners[1]).max() > 5
    for face in hosts.face:
        outlines, _ = cv2.findContours(face, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        whole = max(cv2.contourArea(cv2.convexHull(outline)) for outline in outlines)
        assert (face > 0).sum() > 0.9 * whole


def test_it_learns_what_the_outline_of_a_face_does_not_say(people):
    made = lesson(people.reduced(128), range(6), people.rgb, np.random.default_rng(4))
    network = seeded_occluder(OccluderShape(128, 8), 0)
    adam = torch.optim.AdamW(network.parameters(), 5e-3)
    for _ in range(80):
        adam.zero_grad()
        visible_losses(network(made.target), made, Weights())["loss"].backward()
        adam.step()
    learnt, outline = (
        float(ious(each, made).mean()) for each in (network(made.target), made.outline - 0.5)
    )
    assert learnt > 0.8
    assert learnt > outline + 0.1


@pytest.fixture(scope="module")
def straight(tmp_path_factory, people):
    place = tmp_path_factory.mktemp("straight")
    train_occluder([people], TINY, device=DEVICE, scratch=place / "scratch", out=place / "out")
    return place / "out"


@pytest.mark.parametrize("after", [1, 2, 3])
def test_stopped_anywhere_it_ends_in_the_bytes_of_the_uninterrupted_one(run, straight, after):
    with pytest.raises(StoppedError):
        run("stopped", stop=stop_after(after))
    _, out = run("stopped")
    assert same_result(out, straight)


def test_made_longer_it_ends_as_if_asked_for_at_once(run):
    run("longer", replace(TINY, epochs=1))
    _, out = run("longer", replace(TINY, epochs=3))
    _, at_once = run("at_once", replace(TINY, epochs=3))
    assert same_result(out, at_once)


def test_it_starts_from_another_one(run, straight):
    _, out = run("from", replace(TINY, learning_rate=1e-9), start=straight / "best")
    one, other = load_occluder(straight / "best"), load_occluder(out)
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], tensor, atol=1e-4, rtol=1e-4)


def test_bad_settings_and_nobody_to_learn_from_are_refused(run):
    for wrong in ({"width": 12}, {"drawn_people": 300}, {"most_faces": 0}, {"boundary": -1.0}):
        with pytest.raises(SettingsError):
            replace(TINY, **wrong)
    with pytest.raises(NoFaceError, match="no face to learn from"):
        run("nobody", hosts=[])


def test_a_damaged_occluder_is_refused(tmp_path, straight):
    with pytest.raises(ModelFileError):
        load_occluder(tmp_path)
    (tmp_path / "occluder.json").write_bytes((straight / "occluder.json").read_bytes())
    (tmp_path / "occluder.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelFileError):
        load_occluder(tmp_path)


def test_hosts_of_other_shapes_are_refused(people):
    with pytest.raises(ValueError, match="face must have shape"):
        Hosts(people.rgb, people.face[:, :10], people.sure, people.group)
