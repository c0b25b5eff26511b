"""What is made of inputs that are exchanged meanwhile is not published."""

import logging

import pytest
from PIL import Image

from facepipe.defs.inputs import consented_media, consented_pair
from facepipe.defs.recipes import Recipe, as_json
from facepipe.defs.storage import Store
from facepipe.errors import BusyError, StorageError
from facepipe_tests.cli.granting import grant

LOG = logging.getLogger("test")
PAIR = ("pair/swap_report", "ann|bob")


@pytest.fixture
def store(tmp_path):
    for folder, colour in (("identities/ann", 50), ("targets/bob", 200)):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (8, 8), (colour, 0, 0)).save(tmp_path / folder / "a.png")
        grant(tmp_path / folder)
    return Store(root=str(tmp_path))


def faces(store, text):
    """Publish the identity's faces."""
    media = consented_media(store, "identity", "ann", "train").digest
    recipe = as_json(Recipe({"media": media}, {"text": text}), "1")
    store.made(
        ("identity/faces", "ann"), recipe, lambda work: (work.out / "a").write_text(text), LOG
    )
    return store.get("identity/faces", "ann", media).digest


def report(store, meanwhile, resumable=()):
    """Make a pair's report, during which something happens."""
    inputs = {"media": consented_pair(store, "ann|bob", "swap").digest, "faces": faces(store, "1")}
    recipe = as_json(Recipe(inputs, {"epochs": 1}, resumable), "1")

    def make(work):
        meanwhile()
        (work.out / "report.json").write_text("{}")

    store.made(PAIR, recipe, make, LOG)


def test_what_stays_as_it_is_is_read(store):
    report(store, lambda: None)
    assert store.place(*PAIR).is_dir()


def test_an_input_made_anew_meanwhile_is_named_and_nothing_is_published(store):
    with pytest.raises(BusyError, match="its faces was made anew while it was read"):
        report(store, lambda: faces(store, "2"))
    assert not store.place(*PAIR).exists()


def test_media_exchanged_meanwhile_are_noticed(store):
    def exchange():
        Image.new("RGB", (8, 8), (0, 0, 99)).save(store.input_folder("target", "bob") / "a.png")

    with pytest.raises(BusyError, match="its media was made anew"):
        report(store, exchange)


def test_an_error_that_an_exchange_caused_is_told_as_such_and_another_as_itself(store):
    def torn():
        faces(store, "2")
        raise FileNotFoundError("faces.npz")

    with pytest.raises(BusyError, match="made anew while it was read"):
        report(store, torn)

    def full():
        raise StorageError("full")

    with pytest.raises(StorageError, match="full"):
        report(store, full)


def test_a_training_keeps_what_it_learnt_from_what_it_read_at_its_start(store):
    report(store, lambda: faces(store, "2"), resumable=("epochs",))
    assert store.place(*PAIR).is_dir()
