"""A data root with people in it, of whom Dagster tells as it does of real ones."""

import json
import shutil
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from facepipe.defs import previews
from facepipe.defs.inputs import input_event
from facepipe.defs.partitions import PARTITIONS, pair_key
from facepipe.defs.recipes import Recipe
from facepipe.defs.storage import Store
from facepipe.provenance.consent import new_consent, write_consent

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GRANTED = NOW - timedelta(days=90)
ADA, BEN, EVE = ("identity", "ada_k"), ("target", "ben"), ("identity", "eve")

MADE = (
    ("identity/frames", "ada_k"),
    ("identity/frames", "eve"),
    ("pair/swapped_video", pair_key("ada_k", "ben")),
    ("pair/swapped_video", pair_key("eve", "ben")),
)


class Place:
    """A data root with a persistent Dagster home, in which little assets are made of people."""

    def __init__(self, root, instance) -> None:
        self.root, self.instance = root, instance
        self.store = Store(root=str(root))
        self.thumbnails = {}
        self.hashes = {}

    def put_in(self, who, granted=GRANTED, subject=None, seed=None):
        side, name = who
        folder = self.store.input_folder(side, name)
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(len(name) if seed is None else seed)
        Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(folder / "a.png")
        record = new_consent(
            subject=subject or f"Subject {name}", granted_by="they", scope=["train", "swap"],
            expires_at=granted + timedelta(days=3650), media=[folder / "a.png"], contact="there",
            granted_at=granted,
        )  # fmt: skip
        write_consent(record, folder / "consent.json")
        self.hashes[name] = record.media[0]
        self.instance.add_dynamic_partitions(side, [name])
        self.instance.report_runless_asset_event(input_event(self.store, side, name))
        return folder

    def make(self, key, partition, seed=0):
        """Materialize an asset whose event holds a thumbnail, which is also its file."""
        pixels = np.random.default_rng(seed).integers(0, 255, (24, 24, 3), np.uint8)
        shown = previews.picture(pixels)
        self.thumbnails[key, str(partition)] = shown.value.partition("base64,")[2].rstrip(")")
        group = key.split("/")[0]
        kind = {"pair": dg.MultiPartitionsDefinition(PARTITIONS)}.get(group, PARTITIONS.get(group))

        def write(work):
            (work.out / "faces.bin").write_bytes(pixels.tobytes())

        @dg.asset(
            key=key.split("/"), partitions_def=kind, code_version="1",
            check_specs=[dg.AssetCheckSpec("fine", asset=key.split("/"))],
        )  # fmt: skip
        def thing(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            context.log.info("making %s", context.partition_key)
            return self.store.build(
                context, Recipe({"media": "m"}, {}), write,
                describe=lambda _: {"thumbnail": shown, "of": str(context.partition_key)},
                check=lambda told: [
                    dg.AssetCheckResult(check_name="fine", passed=True, metadata={"x": told["of"]})
                ],
            )  # fmt: skip

        return dg.materialize(
            [thing], partition_key=partition, instance=self.instance, raise_on_error=False
        )

    def everything(self):
        """All bytes under the data root: by file, SQLite's free pages and logs included."""
        for path in self.root.rglob("*"):
            if path.is_file():
                yield path, str(path.relative_to(self.root)).encode() + b"\n" + path.read_bytes()

    def tells_of(self, name):
        """The files that tell of a person: by name, media or any of their thumbnails."""
        words = [name.encode(), self.hashes[name].encode(), f"Subject {name}".encode()]
        words += [
            text.encode()[-200:] for (_, partition), text in self.thumbnails.items()
            if name in partition.split("|")
        ]  # fmt: skip
        folded = [json.dumps(word.decode())[1:-1].encode() for word in words]
        return sorted(
            str(path.relative_to(self.root))
            for path, content in self.everything()
            if any(word in content for word in (*words, *folded))
        )


@contextmanager
def opened(root):
    with dg.DagsterInstance.from_config(str(root / ".dagster")) as instance:
        yield Place(root, instance)


@pytest.fixture(scope="session")
def memory(tmp_path_factory):
    """A folder in memory where there is one: SQLite asks the disk to flush hundreds of times."""
    there = Path("/dev/shm")  # noqa: S108  a name of its own is made in it
    if not there.is_dir():
        yield tmp_path_factory.mktemp("data")
        return
    with tempfile.TemporaryDirectory(dir=there) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def made(memory):
    """A data root of three people, their thumbnails and their media's hashes."""
    root = memory / "made"
    (root / ".dagster").mkdir(parents=True)
    (root / ".dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with opened(root) as place:
        for who in (ADA, BEN, EVE):
            place.put_in(who)
        for seed, (key, partition) in enumerate(MADE):
            assert place.make(key, partition, seed).success
    return place


@pytest.fixture
def place(made, memory):
    shutil.rmtree(memory / "data", ignore_errors=True)
    root = shutil.copytree(made.root, memory / "data")
    with opened(root) as place:
        place.thumbnails, place.hashes = dict(made.thumbnails), dict(made.hashes)
        yield place
