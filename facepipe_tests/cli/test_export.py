"""`facepipe export` writes a pair's model only where consent and the pair's files allow it."""

import json
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.defs.inputs import consented_pair
from facepipe.defs.storage import Store
from facepipe.identity.face_set import FaceSet
from facepipe.landmarks.alignment import FACE_PX, FACE_SCALE, NETWORK_112
from facepipe.landmarks.regions import FACE_OVAL, FIVE_POINTS
from facepipe.provenance.consent import read_consent
from facepipe_tests.cli.granting import FLAWS, grant, spoil, written
from facepipe_tests.training.published import NAME, network, publish, tinting_network

add_commands()
PLAIN = tinting_network(np.ones((1, 3, 1, 1)), np.zeros((512, 3)))
FILES = {
    "inswapper": {f"{NAME}.onnx", f"{NAME}.onnx.sig", f"{NAME}.hash", f"{NAME}.json"},
    "dfm": {f"{NAME}.dfm", f".{NAME}.dfm.sig"},
    "watserface": {
        f".assets/models/trained/{NAME}.onnx",
        f".assets/models/trained/.{NAME}.onnx.sig",
        f".assets/models/trained/{NAME}.hash",
        "models/identities/ann/profile.json",
    },
}


def two_faces() -> FaceSet:
    """Noise with an outline and the five points."""
    rng = np.random.default_rng(0)
    five = NETWORK_112 * FACE_SCALE + (FACE_PX - FACE_SCALE * 128) / 2
    around = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    points = np.full((2, 478, 3), FACE_PX / 2, np.float32)
    points[:, FACE_OVAL, :2] += np.stack([80 * np.cos(around), 100 * np.sin(around)], 1)
    points[:, FIVE_POINTS, :2] = five
    flat, whole = np.zeros(2, np.float32), np.zeros(2, np.int32)
    return FaceSet(
        crops_rgb=rng.integers(0, 255, (2, FACE_PX, FACE_PX, 3), np.uint8),
        masks=np.ones((2, FACE_PX, FACE_PX), bool),
        points_px=points,
        transforms=np.zeros((2, 2, 3), np.float32),
        pose_deg=np.zeros((2, 3), np.float32),
        sharpness=flat, score=flat, face_px=flat, pts_s=flat,
        source=whole, frame_index=whole, scene=whole, track_id=whole,
        sources=("b.png",),
    )  # fmt: skip


def assets_of(root: Path, content: bytes) -> None:
    """Put a pair's assets where the pipeline would have, with their recipes."""
    pair = consented_pair(Store(root=str(root)), "ann|bob", "train")
    embedding = np.eye(512)[0]
    published = publish(root / "made", content, embedding, two_faces())
    media = {"media": pair.digest}
    profile, faces = "identity/profile/ann", "target/faces/bob"
    trained = {"profile": f"of {profile}", "target_faces": f"of {faces}"}
    checkpoint = "pair/lora_checkpoint/ann/bob"
    merged = {"lora_checkpoint": f"of {checkpoint}", **pair.consent_ids}
    (root / "made" / "checkpoint").mkdir()
    (root / "made" / "profile").mkdir()
    published.profile.rename(root / "made" / "profile" / "profile.json")
    for place, folder, inputs in (
        (profile, root / "made" / "profile", {"media": pair.identity.digest}),
        (faces, published.target_faces, {"media": pair.target.digest}),
        (checkpoint, root / "made" / "checkpoint", {**media, **trained}),
        ("pair/lora_onnx/ann/bob", published.model, {**media, **merged}),
    ):
        recipe = {"inputs": inputs, "digest": f"of {place}"}
        (folder / ".recipe.json").write_text(json.dumps(recipe))
        (root / "assets" / place).parent.mkdir(parents=True, exist_ok=True)
        folder.rename(root / "assets" / place)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A data root with two consented inputs and nothing made of them."""
    root = tmp_path / "data"
    for folder, colour in (("identities/ann", 50), ("targets/bob", 200)):
        (root / folder).mkdir(parents=True)
        Image.new("RGB", (64, 64), (colour, 0, 0)).save(root / folder / "a.png")
        grant(root / folder)
    monkeypatch.setenv("FACEPIPE_DATA", str(root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def export(tmp_path, capsys):
    """Run the command in this process; give back its one error line, or what it printed."""

    def run(code, *arguments, kind="inswapper"):
        capsys.readouterr()
        given = ["export", "ann", "bob", "--format", kind, "-o", str(tmp_path / "out"), *arguments]
        assert exit_code_of(given) == code
        told = capsys.readouterr()
        if code:
            (line,) = told.err.strip().splitlines()
            return line
        return told.out

    return run


@pytest.mark.parametrize("kind", FILES)
def test_each_format_is_written_where_its_reader_looks(root, export, tmp_path, kind):
    assets_of(root, PLAIN)
    told = export(0, kind=kind)
    assert written(tmp_path / "out") == FILES[kind]
    assert {str(tmp_path / "out" / name) for name in FILES[kind]} == set(told.split())


@pytest.mark.parametrize(("kind", "half"), [("inswapper", []), ("dfm", []), ("dfm", ["--half"])])
def test_what_leaves_verifies_and_tells_its_consents(root, export, tmp_path, capsys, kind, half):
    assets_of(root, PLAIN)
    export(0, *half, kind=kind)
    (model,) = [path for path in (tmp_path / "out").iterdir() if path.suffix in (".onnx", ".dfm")]
    assert exit_code_of(["verify", str(model)]) == 0
    told = capsys.readouterr().out
    for folder in ("identities/ann", "targets/bob"):
        assert read_consent(root / folder / "consent.json").id in told
    model.write_bytes(model.read_bytes() + b" ")
    assert exit_code_of(["verify", str(model)]) == 4


def test_the_record_of_an_unchanged_model_goes_along(root, export, tmp_path):
    assets_of(root, PLAIN)
    published = root / f"assets/pair/lora_onnx/ann/bob/{NAME}.onnx.sig"
    published.write_text("the record it has")
    export(0)
    assert (tmp_path / "out" / published.name).read_text() == "the record it has"


def test_a_pair_that_is_not_made_is_refused_with_what_to_run(root, export, tmp_path):
    assert "not built yet; run: facepipe run ann bob" in export(2)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("side", ["identities/ann", "targets/bob"])
@pytest.mark.parametrize("flaw", FLAWS)
def test_without_consent_nothing_leaves(root, export, tmp_path, side, flaw):
    assets_of(root, PLAIN)
    spoil(root / side, flaw)
    assert export(3)
    assert not (tmp_path / "out").exists()


def test_a_model_made_under_another_consent_is_made_again_first(root, export, tmp_path):
    assets_of(root, PLAIN)
    grant(root / "targets/bob", contact="somebody else")
    line = export(2)
    assert "older than its target consent; run: facepipe run ann bob" in line
    assert not (tmp_path / "out").exists()


def test_a_model_of_other_media_is_made_again_first(root, export):
    assets_of(root, PLAIN)
    Image.new("RGB", (64, 64), (0, 99, 0)).save(root / "targets/bob/a.png")
    grant(root / "targets/bob")
    assert "other media than lie there now; run: facepipe run ann bob" in export(2)


@pytest.mark.parametrize(
    ("newer", "said"),
    [("pair/lora_checkpoint/ann/bob", "lora checkpoint"), ("identity/profile/ann", "profile")],
)
def test_a_model_older_than_what_it_is_made_from_is_not_exported(root, export, newer, said):
    assets_of(root, PLAIN)
    path = root / "assets" / newer / ".recipe.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "newer"}))
    assert f"older than its {said}; run: facepipe run ann bob" in export(2)


def test_another_file_of_that_name_is_kept_unless_asked(root, export, tmp_path):
    assets_of(root, PLAIN)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{NAME}.hash").write_text("mine")
    assert "--replace" in export(2)
    assert written(tmp_path / "out") == {f"{NAME}.hash"}
    export(0, "--replace")
    export(0)
    assert written(tmp_path / "out") == FILES["inswapper"]


def test_a_float16_file_that_draws_something_else_is_refused_and_the_old_one_kept(
    root, export, tmp_path
):
    loud = network(
        helper.make_node("Mul", ["target", "large"], ["huge"]),
        helper.make_node("Mul", ["huge", "small"], ["output"]),
        large=np.array(65000 * 2, np.float32),
        small=np.array(1 / 65000 / 2, np.float32),
    )
    assets_of(root, loud)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{NAME}_fp16.onnx").write_text("before")
    assert "export without --half" in export(4, "--half", "--replace")
    assert (tmp_path / "out" / f"{NAME}_fp16.onnx").read_text() == "before"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ann", "bob", "--format", "pth", "-o", "out"], "known: inswapper, dfm, watserface"),
        (["ann", "bob", "-o", "out"], "--format"),
        (["ann", "bob", "--format", "dfm"], "--output"),
        (["ann", "--format", "dfm", "-o", "out"], "target"),
        (["../ann", "bob", "--format", "dfm", "-o", "out"], "[a-z0-9]"),
        (["eve", "bob", "--format", "dfm", "-o", "out"], "identity 'eve' is unknown"),
    ],
)
def test_what_is_missing_or_unknown_is_named(root, capsys, arguments, said):
    assert exit_code_of(["export", *arguments]) == 2
    assert said.lower() in capsys.readouterr().err.lower()
