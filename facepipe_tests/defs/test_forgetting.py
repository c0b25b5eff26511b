"""Of a person who left nothing stays but the tombstone, and nothing is made of them again."""

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

from facepipe.defs import forgetting, previews
from facepipe.defs.forgetting import delete_made, forget
from facepipe.defs.inputs import consented_media, input_event
from facepipe.defs.partitions import PARTITIONS, pair_key
from facepipe.defs.recipes import Recipe
from facepipe.defs.storage import Store, lock_of
from facepipe.errors import BadInputError, BusyError, ConsentError
from facepipe.provenance.consent import new_consent, read_consent, write_consent
from facepipe.publishing import held

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


@pytest.fixture(scope="module")
def memory(tmp_path_factory):
    """A folder in memory where there is one: SQLite asks the disk to flush hundreds of times."""
    there = Path("/dev/shm")  # noqa: S108  a name of its own is made in it
    if not there.is_dir():
        yield tmp_path_factory.mktemp("data")
        return
    with tempfile.TemporaryDirectory(dir=there) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
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


def test_after_a_revocation_every_byte_left_that_tells_of_the_person_is_the_tombstone(place):
    assert len(place.tells_of("ada_k")) > 5
    done = forget(place.instance, place.store, ADA, "revoked", NOW)
    assert place.tells_of("ada_k") == [f"tombstones/{done.stone.file_name}"]
    assert done.stone.media == (place.hashes["ada_k"],)
    assert (done.folders, done.runs, done.left) == (2, 2, [])
    assert "Subject" not in done.stone.model_dump_json()


def test_others_keep_what_was_made_of_them_and_dagster_still_knows_it(place):
    forget(place.instance, place.store, ADA, "revoked", NOW)
    assert place.store.place("identity/frames", "eve").is_dir()
    assert place.store.place("pair/swapped_video", "eve|ben").is_dir()
    known = place.instance.get_materialized_partitions(dg.AssetKey(["pair", "swapped_video"]))
    assert known == {"eve|ben"}
    assert place.instance.get_dynamic_partitions("identity") == ["eve"]
    summary = place.instance.get_asset_records([dg.AssetKey(["identity", "frames"])])
    assert len(summary) == 1
    assert place.make("identity/frames", "eve", 2).success
    assert any("index.db" in name for name in place.tells_of("eve"))


def test_a_target_takes_its_pairs_along_and_a_same_named_identity_stays(place):
    place.put_in(("identity", "ben"), seed=77)
    place.make("identity/frames", "ben", 9)
    forget(place.instance, place.store, BEN, "removed", NOW)
    assert not list((place.root / "assets" / "pair").rglob("ben"))
    assert place.store.place("identity/frames", "ben").is_dir()
    assert "ben" in place.instance.get_materialized_partitions(dg.AssetKey(["identity", "frames"]))
    assert not list((place.root / "tombstones").iterdir())


def test_media_put_back_under_the_old_record_or_an_older_grant_are_refused(place):
    folder = place.store.input_folder(*ADA)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    forget(place.instance, place.store, ADA, "revoked", NOW)
    folder.mkdir()
    for name, content in before.items():
        (folder / name).write_bytes(content)
    with pytest.raises(ConsentError, match="revoked on 2026-06-01"):
        consented_media(place.store, *ADA, "train")
    place.put_in(("identity", "other_name"), seed=500, granted=NOW - timedelta(seconds=1))
    consented_media(place.store, "identity", "other_name", "train")  # other media: another person
    (place.store.input_folder("identity", "other_name") / "a.png").write_bytes(before["a.png"])
    other = place.store.input_folder("identity", "other_name")
    record = read_consent(other / "consent.json")
    write_consent(
        record.model_copy(update={"media": (place.hashes["ada_k"],)}), other / "consent.json"
    )
    with pytest.raises(ConsentError, match="revoked on 2026-06-01"):
        consented_media(place.store, "identity", "other_name", "train")


def test_a_new_grant_after_the_revocation_allows_anew(place):
    forget(place.instance, place.store, ADA, "revoked", NOW)
    place.put_in(ADA, granted=NOW + timedelta(days=1))
    consented_media(place.store, *ADA, "train")


@pytest.mark.parametrize("stage", ["delete_made", "delete_exported", "forget_events", "rmtree"])
def test_killed_anywhere_it_blocks_and_the_same_call_finishes(place, monkeypatch, stage):
    class Killed(BaseException):
        pass

    def dies(*_, **__):
        raise Killed

    target = forgetting.shutil if stage == "rmtree" else forgetting
    monkeypatch.setattr(target, stage, dies)
    with pytest.raises(Killed):
        forget(place.instance, place.store, ADA, "revoked", NOW)
    monkeypatch.undo()
    made = place.make("identity/frames", "ada_k", 0) if stage != "forget_events" else None
    assert made is None or not made.success
    done = forget(place.instance, place.store, ADA, "revoked", NOW + timedelta(days=1))
    assert done.stone.at == NOW
    assert place.tells_of("ada_k") == [f"tombstones/{done.stone.file_name}"]


def test_what_is_being_made_is_waited_for_and_the_rest_is_deleted_already(place):
    lock = lock_of(place.store.workplace("identity/frames", "ada_k"))
    with held(lock, "frames"), pytest.raises(BusyError, match=r"identity/frames\[ada_k\]"):
        forget(place.instance, place.store, ADA, "revoked", NOW, wait_s=0.3)
    assert not place.store.place("pair/swapped_video", "ada_k|ben").exists()
    with pytest.raises(ConsentError):
        consented_media(place.store, *ADA, "train")
    forget(place.instance, place.store, ADA, "revoked", NOW)
    assert len(place.tells_of("ada_k")) == 1


def test_a_swap_of_others_that_shows_the_person_too_goes_and_its_training_stays(place):
    consent = consented_media(place.store, *ADA, "train").consent.id
    for number, inputs in enumerate(({"identity_2_consent": consent}, {})):
        target = f"ben{number}" if number else "ben"
        (place.store.place("pair/lora_onnx", f"eve|{target}")).mkdir(parents=True)
        swap = place.store.place("pair/swapped_video", f"eve|{target}")
        swap.mkdir(parents=True, exist_ok=True)
        recipe = {"inputs": inputs, "settings": {"cast": "ada_k=left" if number else ""}}
        (swap / ".recipe.json").write_text(json.dumps(recipe))
    done = forget(place.instance, place.store, ADA, "revoked", NOW)
    assert done.stone.pairs == ("eve|ben", "eve|ben1")
    assert not list((place.root / "assets" / "pair" / "swapped_video").rglob("ben*"))
    assert len(list((place.root / "assets" / "pair" / "lora_onnx").rglob("ben*"))) == 2
    assert place.tells_of("ada_k") == [f"tombstones/{done.stone.file_name}"]
    assert not place.instance.get_materialized_partitions(dg.AssetKey(["pair", "swapped_video"]))


def test_all_that_was_made_of_a_person_goes_and_nothing_else(tmp_path):
    for path in (
        "assets/identity/frames/alice/x", "assets/identity/frames/bob/x",
        "assets/identity/frames/alice-2/x", "assets/pair/swapped_video/alice/clip/x",
        "assets/pair/swapped_video/bob/alice/x", ".work/identity/checkpoint/alice/scratch/x",
        ".work/identity/faces/.alice.lock", "assets/identity/faces/.alice.part/x",
        ".work/pair/lora_onnx/alice/.clip.lock", "models/alice.onnx",
    ):  # fmt: skip
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert delete_made(Store(root=str(tmp_path)), "identity", "alice", 0) == (3, [])
    left = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert left == [
        "assets/identity/frames/alice-2/x",
        "assets/identity/frames/bob/x",
        "assets/pair/swapped_video/bob/alice/x",
        "models/alice.onnx",
    ]


def test_exports_inside_the_data_root_go_by_their_name_or_the_consent_they_name(place):
    consent = consented_media(place.store, *ADA, "train").consent.id
    out = place.root / "exports"
    out.mkdir()
    for name in ("ada_k_to_ben_lora.onnx", "eve_towards_ada_k_to_ben_lora.onnx", "eve_to_ben.onnx"):
        (out / name).write_bytes(b"weights")
    (out / "renamed.json").write_text(json.dumps({"consent": consent}))
    (out / "renamed.onnx").write_bytes(b"weights")
    forget(place.instance, place.store, ADA, "revoked", NOW)
    assert [path.name for path in out.iterdir()] == ["eve_to_ben.onnx"]


def test_a_tombstone_that_cannot_be_read_stops_everything(place):
    (place.root / "tombstones").mkdir()
    (place.root / "tombstones" / "x.json").write_text("{")
    with pytest.raises(BadInputError, match="tombstone cannot be read"):
        consented_media(place.store, *ADA, "train")
