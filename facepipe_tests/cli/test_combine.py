"""`facepipe combine` merges a person's adapters only where consent and the files allow it."""

import json
import shutil
from pathlib import Path

import insightface
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.defs.inputs import consented_media, consented_pair
from facepipe.defs.storage import Store
from facepipe.files import sha256_of
from facepipe.identity.profile import Profile
from facepipe_tests.cli.granting import FLAWS, grant, spoil, written
from facepipe_tests.identity.test_mixing import angle, person
from facepipe_tests.training.adapters import random_adapter, random_base

add_commands()
NAME = "ann_to_bob_cat_lora"
FILES = {f"{NAME}.onnx", f"{NAME}.onnx.sig", f"{NAME}.hash", f"{NAME}.json"}
ADAPTER = {
    f"{NAME}/adapter_config.json",
    f"{NAME}/adapter_model.safetensors",
    f"{NAME}/adapter_model.safetensors.sig",
}


def publish(root: Path, key: str, inputs: dict[str, str]) -> None:
    """Give an asset's folder its recipe."""
    folder = root / "assets" / key
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {"inputs": inputs, "digest": f"of {key}"}
    (folder / ".recipe.json").write_text(json.dumps(recipe))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A data root with one identity model and its adapters for two targets."""
    root = tmp_path_factory.mktemp("data")
    names = ("identities/ann", "targets/bob", "targets/cat", "identities/eve")
    for place, folder in enumerate(names):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (64, 64), (50 * place, 0, 0)).save(root / folder / "a.png")
        grant(root / folder)
    for seed, name in enumerate(("ann", "eve"), 1):
        folder = root / "assets/identity/profile" / name
        person(name, seed).save(folder / "profile.json")
        media = consented_media(Store(root=str(root)), "identity", name, "train")
        publish(root, f"identity/profile/{name}", {"media": media.digest})
    base = root / "assets/identity/checkpoint/ann"
    random_base(base / "best")
    for seed, target in enumerate(("bob", "cat")):
        pair = consented_pair(Store(root=str(root)), f"ann|{target}", "train")
        place = f"pair/lora_checkpoint/ann/{target}"
        random_adapter(root / "assets" / place / "best", base / "best", seed)
        profile, faces = "identity/profile/ann", f"target/faces/{target}"
        publish(root, "identity/checkpoint/ann", {"media": pair.identity.digest})
        publish(root, faces, {"media": pair.target.digest})
        trained = {"profile": f"of {profile}", "target_faces": f"of {faces}"}
        publish(root, place, {"media": pair.digest, **trained})
    return root


@pytest.fixture
def root(made, tmp_path, monkeypatch) -> Path:
    """A copy of it that commands read."""
    root = tmp_path / "data"
    shutil.copytree(made, root)
    monkeypatch.setenv("FACEPIPE_DATA", str(root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def combine(tmp_path, capsys):
    """Run the command in this process; give back its one error line, or what it printed."""

    def run(code, *arguments, targets=("bob", "cat")):
        capsys.readouterr()
        given = ["combine", "ann", *targets, "-o", str(tmp_path / "out"), *arguments]
        told_code = exit_code_of(given)
        told = capsys.readouterr()
        assert told_code == code, told.err
        if code:
            (line,) = told.err.strip().splitlines()
            return line
        return told.out

    return run


def test_one_model_is_written_that_insightface_reads(root, combine, tmp_path):
    told = combine(0)
    assert written(tmp_path / "out") == FILES
    assert {str(tmp_path / "out" / name) for name in FILES} == set(told.split())
    swapper = insightface.model_zoo.get_model(str(tmp_path / "out" / f"{NAME}.onnx"))
    assert type(swapper).__name__ == "INSwapper"


def test_the_record_names_each_adapter_its_weight_and_both_consents(root, combine, tmp_path):
    combine(0, "--weights", "0.7,0.3")
    adapters = json.loads((tmp_path / "out" / f"{NAME}.json").read_text())["lineage"]["adapters"]
    for adapter, target, weight in zip(adapters, ("bob", "cat"), (0.7, 0.3), strict=True):
        file = root / "assets/pair/lora_checkpoint/ann" / target / "best/adapter_model.safetensors"
        consents = consented_pair(Store(root=str(root)), f"ann|{target}", "train").consent_ids
        assert adapter == {
            "identity": "ann",
            "target": target,
            "weight": weight,
            "sha256": sha256_of(file),
            **consents,
        }


def test_svd_writes_the_adapter_too_and_a_name_can_be_chosen(root, combine, tmp_path):
    combine(0, "--method", "svd")
    assert written(tmp_path / "out") == FILES | ADAPTER
    combine(0, "--name", "both_lora")
    assert (tmp_path / "out" / "both_lora.onnx").is_file()


def test_another_file_of_that_name_is_kept_unless_asked(root, combine, tmp_path):
    combine(0)
    before = (tmp_path / "out" / f"{NAME}.onnx").read_bytes()
    assert "--replace" in combine(2, "--weights", "0.9,0.1")
    assert (tmp_path / "out" / f"{NAME}.onnx").read_bytes() == before
    combine(0, "--weights", "0.9,0.1", "--replace")
    assert (tmp_path / "out" / f"{NAME}.onnx").read_bytes() != before


@pytest.mark.parametrize("side", ["identities/ann", "targets/bob", "targets/cat"])
@pytest.mark.parametrize("flaw", FLAWS)
def test_without_everybody_s_consent_nothing_leaves(root, combine, tmp_path, side, flaw):
    spoil(root / side, flaw)
    assert combine(3)
    assert not (tmp_path / "out").exists()


def test_an_adapter_that_is_not_trained_is_refused_with_what_to_run(root, combine):
    shutil.rmtree(root / "assets/pair/lora_checkpoint/ann/cat")
    line = combine(2)
    assert "pair/lora_checkpoint[ann|cat] is not built yet; run: facepipe run ann cat" in line


def test_an_adapter_of_other_faces_is_trained_again_first(root, combine):
    path = root / "assets/target/faces/cat/.recipe.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "newer"}))
    assert "[ann|cat] is older than its target faces; run: facepipe run ann cat" in combine(2)


def test_an_adapter_of_an_earlier_identity_model_is_refused(root, combine, tmp_path):
    old = random_base(tmp_path / "old", seed=7)
    random_adapter(root / "assets/pair/lora_checkpoint/ann/cat/best", old, 1)
    line = combine(2)
    assert "ann/cat/best was trained on the identity model with sha256" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("targets", "arguments", "said"),
    [
        (("bob",), [], "two or more are needed"),
        (("bob", "bob"), [], "each once"),
        (("bob", "../cat"), [], "[a-z0-9]"),
        (("bob", "eve"), [], "target 'eve' is unknown"),
        (("bob", "cat"), ["--weights", "0.5"], "2 numbers above 0"),
        (("bob", "cat"), ["--method", "ties"], "known: linear, svd"),
        (("bob", "cat"), ["--name", "../x"], "[a-z0-9]"),
        (("bob",), ["--share", "0.3"], "it needs --towards"),
        (("bob",), ["--towards", "ann"], "the identity itself"),
        (("bob",), ["--towards", "eve", "--share", "1"], "between 0"),
        (("bob",), ["--towards", "../eve"], "[a-z0-9]"),
        (("bob",), ["--towards", "nobody"], "identity 'nobody' is unknown"),
        (("bob", "bob"), ["--towards", "eve"], "each once"),
    ],
)
def test_what_cannot_be_combined_is_named(root, combine, tmp_path, targets, arguments, said):
    assert said in combine(2, *arguments, targets=targets)
    assert not (tmp_path / "out").exists()


def test_towards_another_identity_the_profile_of_who_lies_between_comes_beside(
    root, combine, tmp_path
):
    combine(0, "--towards", "eve", "--share", "0.3", targets=("bob",))
    name = "ann_towards_eve_to_bob_lora"
    assert written(tmp_path / "out") == {
        f"{name}.{end}" for end in ("onnx", "onnx.sig", "hash", "json", "profile.json")
    }
    ann, eve = (
        Profile.load(root / "assets/identity/profile" / who / "profile.json").embedding
        for who in ("ann", "eve")
    )
    mixed = Profile.load(tmp_path / "out" / f"{name}.profile.json")
    assert angle(ann, mixed.embedding) == pytest.approx(0.3 * angle(ann, eve), abs=1e-5)
    told = json.loads((tmp_path / "out" / f"{name}.json").read_text())["lineage"]["source"]
    here = Store(root=str(root))
    assert told == {
        "identity": "ann",
        "towards": "eve",
        "share": 0.3,
        "identity_consent": consented_media(here, "identity", "ann", "swap").consent.id,
        "towards_consent": consented_media(here, "identity", "eve", "swap").consent.id,
        "profile_sha256": sha256_of(tmp_path / "out" / f"{name}.profile.json"),
    }


def test_fed_with_who_lies_between_the_model_draws_other_faces_than_with_either(
    root, combine, tmp_path
):
    combine(0, "--towards", "eve", targets=("bob",))
    place = tmp_path / "out" / "ann_towards_eve_to_bob_lora"
    session = onnxruntime.InferenceSession(place.with_suffix(".onnx"))
    face = np.random.default_rng(0).random((1, 3, 128, 128), np.float32)
    folder = root / "assets/identity/profile"
    files = folder / "ann/profile.json", Path(f"{place}.profile.json"), folder / "eve/profile.json"
    ann, mixed, eve = (
        session.run(None, {"target": face, "source": Profile.load(file).embedding[None]})[0]
        for file in files
    )
    apart = np.abs(ann - eve).mean()
    assert 0 < np.abs(ann - mixed).mean() < apart
    assert 0 < np.abs(eve - mixed).mean() < apart


@pytest.mark.parametrize("flaw", FLAWS)
def test_without_the_other_s_consent_nothing_leaves(root, combine, tmp_path, flaw):
    spoil(root / "identities/eve", flaw)
    assert combine(3, "--towards", "eve")
    assert not (tmp_path / "out").exists()


def test_profiles_of_two_embedders_are_not_mixed(root, combine, tmp_path):
    other = person("eve", 2, sha256="e" * 64)
    other.save(root / "assets/identity/profile/eve/profile.json")
    assert "two embedders made cannot be mixed" in combine(2, "--towards", "eve")
    assert not (tmp_path / "out").exists()


def test_another_identity_without_a_profile_is_refused_with_what_to_run(root, combine):
    shutil.rmtree(root / "assets/identity/profile/eve")
    line = combine(2, "--towards", "eve")
    assert "identity/profile[eve] is not built yet; run: facepipe run eve bob" in line
