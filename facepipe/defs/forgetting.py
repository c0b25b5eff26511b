"""Delete a person or a target: their media, all that was made from them, and Dagster's memory.

The order makes it safe to be killed anywhere: a tombstone that blocks everything new comes first,
then the files, the records of the runs, the input folder, and last the tombstone says that all is
done. The same command again goes on where it was.
"""

import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import dagster as dg

from facepipe.defs.event_storage import Whose, forget_events
from facepipe.defs.exported import delete_exported
from facepipe.defs.inputs import CONSENT_FILE
from facepipe.defs.partitions import Side, sides_of
from facepipe.defs.recipes import read_recipe
from facepipe.defs.run_logs import logs_of
from facepipe.defs.storage import Store, lock_of
from facepipe.errors import BusyError, FacepipeError
from facepipe.files import storage_errors
from facepipe.provenance.consent import Consent, read_consent
from facepipe.provenance.digests import folder_digests
from facepipe.provenance.tombstones import Tombstone, Why
from facepipe.publishing import held
from facepipe.settings import checked_name

_WAIT_S = 60.0
_SWAPPED = "pair/swapped_video"
ADDING, ADDING_LOCK = ".adding", ".adding.lock"
"""Where `facepipe add` looks at copies before they are an input folder, and what it holds."""


@dataclass(frozen=True)
class Forgotten:
    """What a deletion came to.

    Attributes:
        stone: What is left.
        folders: How many folders of assets and unfinished work were deleted.
        runs: How many runs Dagster has forgotten.
        left: What could not be reached, one line each.
    """

    stone: Tombstone
    folders: int
    runs: int
    left: list[str] = field(default_factory=list[str])


def forget(
    instance: dg.DagsterInstance,
    store: Store,
    who: tuple[Side, str],
    why: Why,
    now: datetime,
    wait_s: float = _WAIT_S,
) -> Forgotten:
    """Delete all of `who`, and what was made from them together with others.

    What is being made of them right now is asked to stop, and waited for.

    Raises:
        BusyError: Something of it did not stop within `wait_s`; the rest is deleted, nothing new
            is made of it, and the same call again finishes.
        StorageError: Something may not be deleted.
    """
    side, name = who[0], checked_name(who[1], who[0])
    stone = _begun(store, (side, name), why, now)
    folders, busy = delete_made(store, side, name, wait_s)
    folders += _delete_swaps(store, stone.pairs)
    _delete_unadded(store)
    delete_exported(store, stone)
    runs, left = forget_events(instance, Whose(side, name, stone.pairs), logs_of(store.root))
    if busy:
        raise BusyError(
            f"{', '.join(busy)} is still being made by another process; nothing new is made of "
            f"{side} {name}: stop that run, then give the same command again to delete the rest"
        )
    place = store.input_folder(side, name)
    with storage_errors(place):
        if place.exists():
            shutil.rmtree(place)
    done = stone.model_copy(update={"finished": True})
    if stone.why == "removed":
        store.tombstones().take_away(stone)
    else:
        store.tombstones().put(done)
    return Forgotten(done, folders, runs, left)


def made_from(store: Store, side: Side, name: str) -> list[tuple[str, str]]:
    """Key and partition key of everything published or begun from a person or target."""
    found: set[tuple[str, str]] = set()
    for top in ("assets", ".work"):
        root = Path(store.root, top)
        for path in (*root.glob(f"{side}/*/{name}"), *root.glob(f"{side}/*/.{name}.lock")):
            found.add((f"{side}/{path.parent.name}", name))
        pairs = f"pair/*/{name}/*" if side == "identity" else f"pair/*/*/{name}"
        locks = () if side == "identity" else root.glob(f"pair/*/*/.{name}.lock")
        for path in (*root.glob(pairs), *locks):
            asset, *partition = path.relative_to(root / "pair").parts
            partition[-1] = re.sub(r"^\.(.+)\.lock$", r"\1", partition[-1])
            found.add((f"pair/{asset}", "|".join(partition)))
    return sorted(pair for pair in found if not pair[1].rpartition("|")[2].startswith("."))


def _begun(store: Store, who: tuple[Side, str], why: Why, now: datetime) -> Tombstone:
    """The tombstone that blocks, written before anything is deleted.

    One that was begun, or that is done and looked at once more, keeps what it knows.
    """
    stones = store.tombstones()
    gone = not store.input_folder(*who).exists()
    before = stones.unfinished(*who) or (stones.latest(*who) if gone else None)
    consent = _record(store.input_folder(*who) / CONSENT_FILE)
    ids = {consent.id} if consent else set[str]()
    media = set(consent.media) | _digests(store.input_folder(*who)) if consent else set[str]()
    pairs = set(_pairs_with(store, who, ids))
    stone = Tombstone(
        side=who[0],
        name=who[1],
        why="revoked" if before and before.why == "revoked" else why,
        at=before.at if before else now.replace(microsecond=0),
        consents=tuple(sorted(ids.union(before.consents if before else ()))),
        pairs=tuple(sorted(pairs.union(before.pairs if before else ()))),
        media=tuple(sorted(media.union(before.media if before else ()))),
    )
    if stone.why != "revoked":
        stone = stone.model_copy(update={"media": ()})
    stones.put(stone)
    return stone


def _pairs_with(store: Store, who: tuple[Side, str], consents: set[str]) -> Iterator[str]:
    """Other people's pairs whose swap is, or was begun, with somebody's face or consent as well."""
    named = re.compile(rf"(?<![a-z0-9_-]){who[1]}=")
    places = (Path(store.root, top, *_SWAPPED.split("/")) for top in ("assets", ".work"))
    for place in sorted(folder for places_of in places for folder in places_of.glob("*/*")):
        recipe, partition = read_recipe(place), "|".join(place.parts[-2:])
        if recipe is None or who in sides_of(_SWAPPED, partition):
            continue
        if consents.intersection(recipe["inputs"].values()) or (
            who[0] == "identity" and named.search(json.dumps(recipe["settings"]))
        ):
            yield partition


def _delete_swaps(store: Store, pairs: tuple[str, ...]) -> int:
    """Delete what shows a swap of these pairs; their trainings, made of nobody else, stay."""
    folders = 0
    for partition in pairs:
        for key in (_SWAPPED, "pair/swap_report"):
            for folder in (store.place(key, partition), store.workplace(key, partition)):
                folders += folder.exists()
                shutil.rmtree(folder, ignore_errors=not folder.exists())
    return folders


def _record(path: Path) -> Consent | None:
    try:
        return read_consent(path)
    except FacepipeError:
        return None  # what has no readable record can be deleted as well


def _digests(folder: Path) -> set[str]:
    try:
        return set(folder_digests(folder).values())
    except FacepipeError:
        return set()


def delete_made(store: Store, side: Side, name: str, wait_s: float) -> tuple[int, list[str]]:
    """Delete all that was made or begun; how many folders, and what is still being made."""
    folders, busy, until_s = 0, list[str](), time.monotonic() + wait_s
    for key, partition in made_from(store, side, name):
        places = (store.place(key, partition), store.workplace(key, partition))
        lock = lock_of(places[1])
        with ExitStack() as stack, storage_errors(places[0]):
            try:
                _take(stack, lock, f"{key}[{partition}]", until_s)
            except BusyError:
                busy.append(f"{key}[{partition}]")
                continue
            for folder in places:
                folders += folder.exists()
                shutil.rmtree(folder, ignore_errors=not folder.exists())
            lock.unlink(missing_ok=True)
    if not busy:
        for path in _remains(store, side, name):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return folders, busy


def _take(stack: ExitStack, lock: Path, what: str, until_s: float) -> None:
    while True:
        try:
            stack.enter_context(held(lock, what))
        except BusyError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.2)
        else:
            return


def _remains(store: Store, side: Side, name: str) -> Iterator[Path]:
    """What killed commands left beside the folders of a person, and folders that are empty now."""
    for top in ("assets", ".work"):
        root = Path(store.root, top)
        yield from root.glob(f"{side}/*/.{name}.*")
        if side == "identity":
            yield from root.glob(f"pair/*/{name}")
            yield from root.glob(f"pair/*/.{name}.*")
        else:
            yield from root.glob(f"pair/*/*/.{name}.*")
            yield from (path for path in root.glob("pair/*/*") if not any(path.iterdir()))


def _delete_unadded(store: Store) -> None:
    """Delete the copies that a killed `facepipe add` left, of whomever they are."""
    lock = Path(store.root, ADDING_LOCK)
    try:
        with held(lock, "an input folder"):
            shutil.rmtree(Path(store.root, ADDING), ignore_errors=True)
            lock.unlink(missing_ok=True)
    except BusyError:
        return  # somebody is being added just now, which is no leftover
