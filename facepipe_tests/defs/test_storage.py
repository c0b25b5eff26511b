"""The store makes an asset at most once for the same recipe, and never half."""

import errno
import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from facepipe.defs.partitions import IDENTITY
from facepipe.defs.recipes import Recipe, read_recipe
from facepipe.defs.storage import NotBuiltError, Store, Work
from facepipe.errors import PartitionNameError


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(root=str(tmp_path))


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("identity", ["alice", "bob"])
        yield instance


class Maker:
    """An asset whose building can be counted, changed and made to fail."""

    def __init__(self, store: Store, instance: dg.DagsterInstance) -> None:
        self.store, self.instance = store, instance
        self.made = 0
        self.text = "content"
        self.fails = False
        self.code_version = "1"
        self.described = 0
        self.checked = []

    def describe(self, folder):
        self.described += 1
        file = folder / "file.txt"
        text = file.read_text() if file.exists() else ""
        return {"text": text, "letters": len(text), "report": dg.MetadataValue.json({"a": [1]})}

    def check(self, metadata):
        self.checked.append(metadata)
        return [dg.AssetCheckResult(check_name="fine", passed=True)]

    def make(self, work: Work) -> None:
        self.made += 1
        (work.scratch / "step").write_text(str(self.made))
        (work.out / "file.txt").write_text(self.text)
        (work.out / "telemetry.jsonl").write_text(f"took {self.made} s")
        if self.fails:
            raise RuntimeError("power cut")

    def run(self, partition="alice", resumable=(), **settings):
        @dg.asset(
            key=["identity", "thing"],
            partitions_def=IDENTITY,
            code_version=self.code_version,
            check_specs=[dg.AssetCheckSpec("fine", asset=["identity", "thing"])],
        )
        def thing(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            recipe = Recipe({"media": "abc"}, settings, resumable)
            return self.store.build(context, recipe, self.make, self.describe, self.check)

        result = dg.materialize([thing], partition_key=partition, instance=self.instance)
        (event,) = result.asset_materializations_for_node("identity__thing")
        self.told = {name: value.value for name, value in event.metadata.items()}
        return event.tags["dagster/data_version"], event.metadata["reused"].value


@pytest.fixture
def maker(store, instance):
    return Maker(store, instance)


def test_the_same_recipe_is_used_again_with_the_same_data_version(maker):
    first, second = maker.run(), maker.run()
    assert (first[1], second[1]) == (False, True)
    assert first[0] == second[0]
    assert maker.made == 1


def test_an_unchanged_asset_tells_the_same_without_being_read_again(maker):
    maker.run()
    told = maker.told
    maker.run()
    assert maker.described == 1
    assert {**maker.told, "reused": False} == told
    assert [{**found} for found in maker.checked] == [
        {"text": "content", "letters": 7, "report": {"a": [1]}},
        {**told, "reused": False},
    ]


def test_an_asset_is_described_anew_where_its_events_are_gone_or_tell_of_other_content(maker):
    maker.run()
    maker.instance.wipe_assets([dg.AssetKey(["identity", "thing"])])
    maker.run()
    assert maker.described == 2
    maker.instance.report_runless_asset_event(
        dg.AssetMaterialization(
            ["identity", "thing"], partition="alice", tags={"dagster/data_version": "other"}
        )
    )
    maker.run()
    assert maker.described == 3
    assert maker.told["text"] == "content"


def test_an_asset_that_moved_is_described_where_it_lies_now(maker, tmp_path):
    maker.run()
    shutil.copytree(tmp_path / "assets", tmp_path / "elsewhere" / "assets")
    maker.store = Store(root=str(tmp_path / "elsewhere"))
    assert maker.run()[1]
    assert maker.described == 2
    assert maker.told["folder"].startswith(str(tmp_path / "elsewhere"))


@pytest.mark.parametrize("change", ["settings", "code"])
def test_another_recipe_is_made_anew(maker, change):
    maker.run()
    if change == "code":
        maker.code_version = "2"
        maker.run()
    else:
        maker.run(window=3)
    assert maker.made == 2


def test_the_same_content_has_the_same_version_however_it_was_made(maker):
    assert maker.run()[0] == maker.run(window=3)[0]


def test_a_failure_leaves_what_was_published_before(maker, store):
    maker.run()
    maker.fails, maker.text = True, "half"
    with pytest.raises(RuntimeError, match="power cut"):
        maker.run(window=3)
    assert (store.get("identity/thing", "alice", "abc").path / "file.txt").read_text() == "content"


def test_scratch_outlives_a_failure_and_goes_with_success(maker, store):
    maker.fails = True
    with pytest.raises(RuntimeError):
        maker.run()
    (scratch,) = store.workplace("identity/thing", "alice").glob("scratch-*")
    assert (scratch / "step").read_text() == "1"
    maker.fails = False
    maker.run()
    assert not scratch.exists()


def test_a_resumable_setting_keeps_the_scratch_and_takes_up_the_published_state(maker, store):
    def make(work):
        (work.scratch / "state").mkdir(exist_ok=True)
        counter = work.scratch / "state" / "epochs"
        counter.write_text(str(int(counter.read_text()) + 1 if counter.exists() else 1))
        (work.out / "state").mkdir()
        (work.out / "state" / "epochs").write_text(counter.read_text())

    maker.make = make
    maker.run(resumable=("epochs",), epochs=4)
    maker.run(resumable=("epochs",), epochs=8)
    state = store.get("identity/thing", "alice", "abc").path / "state" / "epochs"
    assert state.read_text() == "2"


def test_fewer_epochs_than_published_start_anew_instead_of_relabelling_the_longer(maker, store):
    begun = []

    def make(work):
        begun.append((work.scratch / "state").exists())
        (work.out / "state").mkdir()
        (work.out / "state" / "weights").touch()

    maker.make = make
    maker.run(resumable=("epochs",), epochs=8)
    maker.run(resumable=("epochs",), epochs=4)
    maker.run(resumable=("epochs",), epochs=6)
    assert begun == [False, False, True]


def test_everything_published_is_taken_up_with_the_state(maker, store):
    def make(work):
        (work.scratch / "state").mkdir(exist_ok=True)
        (work.scratch / "best").mkdir(exist_ok=True)
        (work.scratch / "best" / f"{len(list((work.scratch / 'best').iterdir()))}").touch()
        shutil.copytree(work.scratch, work.out, dirs_exist_ok=True)

    maker.make = make
    maker.run(resumable=("epochs",), epochs=1)
    maker.run(resumable=("epochs",), epochs=2)
    place = store.get("identity/thing", "alice", "abc").path
    assert sorted(p.name for p in (place / "best").iterdir()) == ["0", "1"]


def test_two_identities_never_share_a_file(maker, store, tmp_path):
    maker.run("alice")
    maker.run("bob")
    alice, bob = (store.get("identity/thing", name, "abc").path for name in ("alice", "bob"))
    files = [{p for p in folder.rglob("*") if p.is_file()} for folder in (alice, bob)]
    assert files[0]
    assert not files[0] & files[1]
    assert not any("bob" in p.parts for p in files[0])


def test_what_is_not_built_is_named(store):
    with pytest.raises(NotBuiltError, match=r"identity/frames\[alice\] is not built yet"):
        store.get("identity/frames", "alice", "abc")


def test_what_was_made_from_other_media_is_not_used(maker, store):
    maker.run()
    with pytest.raises(NotBuiltError, match="made from other media"):
        store.get("identity/thing", "alice", "other digest")


@pytest.mark.parametrize("partition", ["../x", "a|../b", "/etc"])
def test_a_partition_never_leads_out_of_the_data_root(store, partition):
    with pytest.raises(PartitionNameError):
        store.place("identity/frames", partition)


def test_the_recipe_says_what_an_asset_was_made_from(maker, store):
    maker.run(window=3)
    recipe = read_recipe(store.place("identity/thing", "alice"))
    assert recipe is not None
    assert (recipe["inputs"], recipe["settings"]) == ({"media": "abc"}, {"window": 3})
    assert json.dumps(recipe)


def test_a_recipe_that_a_failing_disk_hides_is_not_taken_for_none(maker, store, monkeypatch):
    maker.run()

    def failing(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", failing)
    with pytest.raises(OSError, match=r"Input/output error: .*recipe.json"):
        store.get("identity/thing", "alice", "m")
