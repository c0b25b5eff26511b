"""Of a person who left nothing stays but the tombstone, and nothing is made of them again."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from facepipe.defs import forgetting
from facepipe.defs.forgetting import delete_made, forget
from facepipe.defs.inputs import consented_media
from facepipe.defs.storage import Store, lock_of
from facepipe.errors import BadInputError, BusyError, ConsentError
from facepipe.provenance.consent import read_consent, write_consent
from facepipe.publishing import held
from facepipe_tests.defs.conftest import ADA, BEN, NOW


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
