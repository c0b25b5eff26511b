"""Without consent in force nothing derived can be made, whichever way it is asked for."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from PIL import Image

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.definitions import defs
from facepipe.defs.automation import media_folders, nightly
from facepipe.defs.partitions import pair_key
from facepipe.defs.storage import Store
from facepipe.provenance.consent import Consent, new_consent, read_consent, revoke, write_consent
from facepipe.provenance.tombstones import Tombstone

add_commands()
LOADED = defs()
ASSETS = sorted(
    key.to_user_string() for key in LOADED.resolve_asset_graph().materializable_asset_keys
)
PARTITIONS = {"identity": "ada", "target": "scene", "pair": pair_key("ada", "scene")}
FLAWS = ("missing", "expired", "revoked", "buried", "not yet", "other use", "other media", "forged")
GRANTED = datetime(2026, 1, 1, tzinfo=UTC)


def put_in(store, side, name, seed):
    folder = store.input_folder(side, name)
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (48, 48, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "a.png")
    record = new_consent(
        subject=name, granted_by=name, scope=["train", "swap"], granted_at=GRANTED,
        expires_at=GRANTED + timedelta(days=36500), media=[folder / "a.png"], contact="there",
    )  # fmt: skip
    write_consent(record, folder / "consent.json")


def spoil(store, side, name, flaw):
    """Let a person's consent not hold."""
    place = store.input_folder(side, name) / "consent.json"
    record = read_consent(place)
    stone = Tombstone(
        side=side, name="another", why="revoked", at=GRANTED + timedelta(days=1),
        media=record.media, finished=True,
    )  # fmt: skip
    changes = {
        "expired": {"expires_at": GRANTED + timedelta(days=1)},
        "not yet": {"granted_at": GRANTED + timedelta(days=30000)},
        "other use": {"scope": ("publish",)},
        "other media": {"media": ("0" * 64,)},
        "forged": {"signature": {"public_key": "A" * 43 + "=", "value": "A" * 86 + "=="}},
    }
    match flaw:
        case "missing":
            place.unlink()
        case "revoked":
            write_consent(revoke(record, GRANTED), place)
        case "buried":
            store.tombstones().put(stone)
        case _:
            write_consent(Consent.model_validate(record.model_dump() | changes[flaw]), place)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPIPE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    store = Store(root=str(tmp_path / "data"))
    put_in(store, "identity", "ada", 1)
    put_in(store, "target", "scene", 2)
    return store


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        for side in ("identity", "target"):
            instance.add_dynamic_partitions(side, [PARTITIONS[side]])
        yield instance


def asked(store, instance, *keys):
    """Run assets of one partition without what they hang on, as the UI can; why they failed."""
    job = LOADED.resolve_implicit_global_asset_job_def()
    done = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
        partition_key=PARTITIONS[keys[0].split("/")[0]],
        run_config={
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            "resources": {"store": {"config": {"root": store.root}}},
        },
        raise_on_error=False,
    )
    assert not done.success
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    return failure.step_failure_data.error.cause.cls_name


def made(store):
    """Every file that is no input."""
    folders = (Path(store.root, name) for name in ("assets", ".work"))
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("key", ASSETS)
def test_no_asset_asked_for_alone_is_made_once_the_consent_is_gone(store, instance, key):
    for side in ("identity", "target"):
        spoil(store, side, PARTITIONS[side], "expired")
    assert asked(store, instance, key) == "ConsentError"
    assert made(store) == []


@pytest.mark.parametrize(
    ("side", "flaw"), list(zip(("identity", "target") * 4, FLAWS, strict=True))
)
def test_no_flaw_of_either_record_lets_the_command_or_a_pair_through(
    store, instance, capsys, flaw, side
):
    spoil(store, side, PARTITIONS[side], flaw)
    assert exit_code_of(["run", "ada", "scene"]) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert asked(store, instance, "pair/swapped_video") == "ConsentError"
    assert made(store) == []


def test_what_the_sensor_notices_and_the_automation_then_wants_is_not_made(store, instance):
    for side, flaw in (("identity", "missing"), ("target", "revoked")):
        spoil(store, side, PARTITIONS[side], flaw)
    _, cursor = wanted(instance)
    noticed = media_folders(dg.build_sensor_context(instance=instance), store=store)
    for event in noticed.asset_events:
        instance.report_runless_asset_event(event)
    keys, _ = wanted(instance, cursor)
    assert {"identity/consent", "target/consent"} <= keys
    for side in ("identity", "target"):
        group = sorted(key for key in keys if key.startswith(side))
        assert asked(store, instance, *group) == "ConsentError"
    assert made(store) == []


def wanted(instance, cursor=None):
    result = dg.evaluate_automation_conditions(LOADED, instance, cursor=cursor)
    keys = LOADED.resolve_asset_graph().materializable_asset_keys
    return {key.to_user_string() for key in keys if result.get_num_requested(key)}, result.cursor


def test_what_the_schedule_asks_for_at_night_is_not_made(store, instance):
    spoil(store, "target", "scene", "buried")
    with dg.instance_for_test() as kept, dg.build_schedule_context(instance=kept) as context:
        kept.report_runless_asset_event(
            dg.AssetMaterialization(["pair", "swapped_video"], partition=PARTITIONS["pair"])
        )
        (request,) = nightly(context, store=store)
    assert request.partition_key == PARTITIONS["pair"]
    job = LOADED.resolve_job_def("pair_job")
    keys = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
    assert asked(store, instance, *keys) == "ConsentError"
    assert made(store) == []
