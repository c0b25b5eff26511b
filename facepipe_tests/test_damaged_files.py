"""Files altered by hand, by a fault or by malice are read or refused, and nothing worse."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facepipe.defs.learnt import read_history
from facepipe.defs.recipes import RECIPE_FILE, Recipe, as_json, read_recipe
from facepipe.errors import FacepipeError
from facepipe.identity.profile import Profile
from facepipe.inference.lock import LOCK, read_lock
from facepipe.media.settings import inspection_from
from facepipe.provenance.consent import read_consent
from facepipe.provenance.local import local_signer
from facepipe.provenance.sidecar import read_sidecar, sidecar_bytes
from facepipe.swapping.manifest import FrameCounts, NamedFile, SwapManifest
from facepipe_tests.provenance.conftest import SAID

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True)
class Kind:
    """A file of the pipeline: its name, a whole one, and what reads it."""

    name: str
    whole: bytes
    read: Callable[[Path], Any]


def profile_of(embedder: dict[str, str] | None = None) -> Profile:
    """A whole profile, made by an embedder if one is given."""
    return Profile(
        id="ann", name="ann", created_at=datetime(2026, 1, 1, tzinfo=UTC), source_files=["a.mp4"],
        embedding_mean=np.eye(512)[0].tolist(), embedding_std=np.zeros(512).tolist(),
        quality_stats={"embedder": embedder} if embedder else {"num_frames": 1},
    )  # fmt: skip


def kinds(keys: Path) -> dict[str, Kind]:
    counts = FrameCounts(total=1, swapped=1, skipped={})
    named = NamedFile(name="a.mp4", sha256=NOTHING)
    manifest = SwapManifest(
        video=named, sources=[named], inputs={"profile@ann": NOTHING}, models={"ann": named},
        consent_ids={"identity": "1"}, settings={}, versions={}, frames=counts, parts=[],
    )  # fmt: skip
    consent = {
        "subject": "Ann", "granted_by": "Ann", "granted_at": "2026-01-01T00:00:00Z",
        "expires_at": "2099-01-01T00:00:00Z", "scope": ["train"], "media": [NOTHING],
        "contact": "", "signature": None, "revoked_at": None,
    }  # fmt: skip
    entry = {"name": "a", "file": "a", "sha256": NOTHING, "bytes": 0, "licence": "", "source": ""}
    recipe = {**as_json(Recipe({"media": NOTHING}, {"epochs": 1}), "1"), "digest": NOTHING}
    sidecar = sidecar_bytes(NOTHING, SAID, local_signer(keys))
    return {
        "consent": Kind("consent.json", json.dumps(consent).encode(), read_consent),
        "profile": Kind("profile.json", profile_of().model_dump_json().encode(), Profile.load),
        "manifest": Kind("manifest.json", manifest.model_dump_json().encode(), SwapManifest.load),
        "history": Kind("history.jsonl", b'{"epoch": 1, "loss": 0.5}\n' * 3, read_history),
        "recipe": Kind(RECIPE_FILE, json.dumps(recipe).encode(), lambda p: read_recipe(p.parent)),
        "lock": Kind(LOCK, json.dumps({"models": [entry]}).encode(), lambda p: read_lock(p.parent)),
        "sidecar": Kind("model.onnx.sig", sidecar, lambda p: read_sidecar(p.with_suffix(""))),
        "limits": Kind(
            "limits.txt",
            b"frames=100 stall_s=5 memory_mb=999",
            lambda p: inspection_from({"FACEPIPE_LIMITS": p.read_text(errors="replace")}),
        ),
    }


TEXT = st.text(max_size=9)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes cut, replaced or put in; or other values in the place of those of its JSON."""
    content = bytearray(whole)
    if draw(st.booleans()):
        for _ in range(draw(st.integers(1, 8))):
            start = draw(st.integers(0, len(content)))
            end = min(len(content), start + draw(st.sampled_from([0, 1, 2, 9, 9999])))
            content[start:end] = draw(st.binary(max_size=9))
        return bytes(content)
    try:
        told = json.loads(whole)
    except ValueError:
        return draw(st.binary(max_size=99))
    name = draw(st.sampled_from(sorted(told)))
    changes = draw(st.sampled_from(["value", "gone", "more", "all"]))
    match changes:
        case "value":
            told[name] = draw(VALUES)
        case "gone":
            del told[name]
        case "more":
            told[draw(TEXT)] = draw(VALUES)
        case _:
            told = draw(VALUES)
    return json.dumps(told).encode()


def is_read_or_refused(kind: Kind, folder: Path, content: bytes) -> None:
    """Any other error than one of facepipe's own, or one of several lines, fails the test."""
    path = folder / kind.name
    path.write_bytes(content)
    said, code = "read", 0
    try:
        kind.read(path)
    except FacepipeError as error:
        said, code = str(error), error.exit_code
    assert len(said.splitlines()) == 1
    assert code in (0, 2, 3, 4)


KINDS = ("consent", "profile", "manifest", "history", "recipe", "lock", "sidecar", "limits")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return kinds(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_file_is_read(files, tmp_path, name):
    (tmp_path / "model.onnx").touch()
    (tmp_path / files[name].name).write_bytes(files[name].whole)
    assert files[name].read(tmp_path / files[name].name)


def examined(files, tmp_path, name, examples):
    kind = files[name]
    (tmp_path / "model.onnx").touch()
    loose = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=loose)
    @given(content=damaged(kind.whole))
    def examine(content):
        is_read_or_refused(kind, tmp_path, content)

    examine()


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_read_or_refused_in_one_line(files, tmp_path, name):
    examined(files, tmp_path, name, 40)


@pytest.mark.soak
@pytest.mark.parametrize("name", KINDS)
def test_ten_thousand_damaged_files_are_read_or_refused(files, tmp_path, name):
    examined(files, tmp_path, name, 10_000 // len(KINDS))
