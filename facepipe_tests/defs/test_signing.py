"""What is published is signed, and the data version does not tell by whom."""

import json
import logging
import shutil

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from facepipe.cli import doctor
from facepipe.defs.recipes import Recipe, as_json, read_recipe
from facepipe.defs.storage import Store
from facepipe.errors import ConsentError, FacepipeError, VerificationError
from facepipe.provenance.consent import read_consent
from facepipe.provenance.local import local_signer
from facepipe.provenance.statement import COMPOSITE, COMPOSITE_WITH_MODEL
from facepipe.provenance.verifying import verify
from facepipe.swapping.manifest import FrameCounts, NamedFile, SwapManifest
from facepipe_tests.cli.granting import grant
from facepipe_tests.provenance.conftest import write_noise
from facepipe_tests.provenance.test_signer import KEYS, issued

LOG = logging.getLogger("test")


@pytest.fixture
def stores(tmp_path):
    """Two data roots with the same two people, each with a key of its own."""
    for root in ("one", "other"):
        for folder, colour in (("identities/ann", 50), ("targets/bob", 200)):
            (tmp_path / root / folder).mkdir(parents=True)
            Image.new("RGB", (8, 8), (colour, 0, 0)).save(tmp_path / root / folder / "a.png")
            grant(tmp_path / root / folder)
    return [Store(root=str(tmp_path / root)) for root in ("one", "other")]


@pytest.fixture(scope="module")
def plain_film(tmp_path_factory):
    return write_noise(tmp_path_factory.mktemp("film") / "plain.mp4")


def made(store, key, partition, files):
    """Publish `files` (content by name) as an asset; the folder."""

    def make(work):
        for name, content in files.items():
            (work.out / name).parent.mkdir(exist_ok=True)
            (work.out / name).write_bytes(content)

    recipe = Recipe({"media": "00", "faces": "11", "identity_consent": "22"}, {})
    store.made((key, partition), as_json(recipe, "1"), make, LOG)
    return store.place(key, partition)


MODELS = {
    "model.onnx": b"a model",
    "best/adapter_model.safetensors": b"an adapter",
    "x.json": b"{}",
}


def test_models_have_a_record_that_names_inputs_and_consents(stores):
    folder = made(stores[0], "pair/lora_onnx", "ann|bob", MODELS)
    for name in ("model.onnx", "best/adapter_model.safetensors"):
        said = verify(folder / name).statement
        assert said is not None
        assert said.ingredients == {"media": "00", "faces": "11"}
        assert said.consent_ids == {
            "identity": read_consent(stores[0].input_folder("identity", "ann") / "consent.json").id,
            "target": read_consent(stores[0].input_folder("target", "bob") / "consent.json").id,
        }
    assert not (folder / "x.json.sig").exists()


@pytest.mark.parametrize(
    "key", ["identity/onnx", "target/xseg_onnx", "pair/lora_checkpoint_trials"]
)
def test_a_record_names_the_consent_of_the_sides_it_is_made_of(stores, key):
    partition = {"identity": "ann", "target": "bob", "pair": "ann|bob|0|1"}[key.split("/")[0]]
    said = verify(made(stores[0], key, partition, MODELS) / "model.onnx").statement
    assert said is not None
    assert len(said.consent_ids) == (2 if key.startswith("pair") else 1)


def manifest(model):
    counts = FrameCounts(total=1, swapped=1, skipped={})
    named = NamedFile(name="a.mp4", sha256="aa" * 32)
    said = SwapManifest(
        video=named, sources=[named], inputs={"profile@ann": "bb" * 32},
        models={"ann": model} if model else {}, consent_ids={"identity": "1", "target": "2"},
        settings={}, versions={}, frames=counts, parts=[],
    )  # fmt: skip
    return said.model_dump_json().encode()


@pytest.mark.parametrize("model", [None, NamedFile(name="m.onnx", sha256="cc" * 32)])
def test_a_film_says_what_its_manifest_says(stores, plain_film, model):
    files = {"swapped.mp4": plain_film.read_bytes(), "manifest.json": manifest(model)}
    folder = made(stores[0], "pair/swapped_video", "ann|bob", files)
    said = verify(folder / "swapped.mp4").statement
    assert said is not None
    assert said.digital_source_type == (COMPOSITE_WITH_MODEL if model else COMPOSITE)
    assert said.models == ([model.sha256] if model else [])
    assert said.ingredients == {"target media": "aa" * 32, "profile 1": "bb" * 32}
    assert said.consent_ids == {"identity": "1", "target": "2"}


def test_a_picture_of_a_swap_has_a_record_that_says_what_the_film_does(stores, plain_film):
    files = {
        "swapped.mp4": plain_film.read_bytes(),
        "manifest.json": manifest(None),
        "pictures/a.png": b"a picture",
    }
    folder = made(stores[0], "pair/swapped_video", "ann|bob", files)
    picture = folder / "pictures" / "a.png"
    assert verify(picture).statement == verify(folder / "swapped.mp4").statement
    picture.write_bytes(b"another picture")
    with pytest.raises(VerificationError, match="is of other bytes"):
        verify(picture)


def test_the_data_version_is_of_the_content_and_not_of_who_signs(stores, plain_film):
    files = {"swapped.mp4": plain_film.read_bytes(), "manifest.json": manifest(None), **MODELS}
    folders = [made(store, "pair/swapped_video", "ann|bob", files) for store in stores]
    assert len({json.dumps(read_recipe(folder)) for folder in folders}) == 1
    for name in ("swapped.mp4", "model.onnx.sig"):
        one, other = ((folder / name).read_bytes() for folder in folders)
        assert one != other


def test_made_again_with_the_same_key_every_byte_is_the_same(stores, plain_film):
    files = {"swapped.mp4": plain_film.read_bytes(), "manifest.json": manifest(None), **MODELS}
    results: list[dict[str, bytes]] = []
    for _ in range(2):
        folder = made(stores[0], "pair/swapped_video", "ann|bob", files)
        results.append({path.name: path.read_bytes() for path in folder.rglob("*.*")})
        shutil.rmtree(folder)
    assert results[0] == results[1]


def test_without_a_record_nothing_is_published(stores):
    (stores[0].input_folder("target", "bob") / "consent.json").unlink()
    with pytest.raises(ConsentError):
        made(stores[0], "pair/lora_onnx", "ann|bob", MODELS)
    assert not stores[0].place("pair/lora_onnx", "ann|bob").exists()


@pytest.mark.parametrize("key", [None, "another's", "missing", "expired"])
def test_a_certificate_that_cannot_sign_is_refused_before_anything_is_made(
    stores, key, tmp_path, monkeypatch
):
    own, other = (local_signer(tmp_path / name) for name in ("own", "other"))
    (tmp_path / "chain.pem").write_text(own.pem)
    kept = other.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "another's").write_bytes(kept)
    if key == "expired":
        _, held = issued(tmp_path, KEYS["es256"](), days=-2)
        held.rename(tmp_path / "expired")
    monkeypatch.setenv("FACEPIPE_CERTIFICATE", str(tmp_path / "chain.pem"))
    if key:
        monkeypatch.setenv("FACEPIPE_PRIVATE_KEY", str(tmp_path / key))
    assert not doctor._certificate().fine

    def never(_work):
        pytest.fail("it was made")

    with pytest.raises(FacepipeError):
        stores[0].made(("identity/checkpoint", "ann"), as_json(Recipe({}, {}), "1"), never, LOG)
