"""Bad inputs that have to do with people: their consent, and what of them can be seen."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from facepipe.defs.inputs import consented_media
from facepipe.provenance.tombstones import Tombstone
from facepipe_tests.cli.granting import NOW
from facepipe_tests.defs.test_consent_doors import put_in, spoil
from facepipe_tests.end_to_end.inputs import clip, noise, record
from facepipe_tests.errors.cases import Case, Told, command, store


def added(flaw: str) -> Callable[[Path], Told]:
    """Try to add a picture under a record with a flaw."""

    def tried(folder: Path) -> Told:
        picture, other = noise(folder / "a.png"), folder / "b.png"
        other.write_bytes(picture.read_bytes() + b"more")
        consent = folder / "consent.json"
        if flaw == "damaged":
            consent.write_text('{"subject": 3}')
        elif flaw != "no record":
            record(
                consent,
                other if flaw == "other media" else picture,
                scope=("publish",) if flaw == "other scope" else ("train", "swap"),
                expires=timedelta(days=1) if flaw == "expired" else timedelta(days=36500),
            )
        return command("add", "identity", "alice", picture, "--consent", consent)

    return tried


def run_with(flaw: str) -> Callable[[Path], Told]:
    """Try to run a pair whose identity's record came to have a flaw."""

    def tried(folder: Path) -> Told:
        here = store(folder)
        put_in(here, "identity", "ada", 1)
        put_in(here, "target", "scene", 2)
        if flaw == "another partner":
            place = here.input_folder("identity", "ada") / "consent.json"
            record_of = json.loads(place.read_text())
            place.write_text(json.dumps({**record_of, "only_with": ["stage"]}))
        else:
            spoil(here, "identity", "ada", flaw)
        return command("run", "ada", "scene")

    return tried


def unsigned(folder: Path) -> Told:
    here = store(folder)
    put_in(here, "identity", "ada", 1)
    put_in(here, "target", "scene", 2)
    return command("run", "ada", "scene", FACEPIPE_CONSENT_KEYS="any")


def unreadable_tombstone(folder: Path) -> str:
    here = store(folder)
    put_in(here, "identity", "ada", 1)
    here.tombstones().put(Tombstone(side="target", name="x", why="revoked", at=NOW))
    (stone,) = (folder / "data" / "tombstones").iterdir()
    stone.write_text("{")
    return str(consented_media(here, "identity", "ada", "train"))


def seen(make: Callable[[Path], Path]) -> Callable[[Path], Told]:
    """Try to run a pair whose identity is what `make` puts into a folder."""

    def tried(folder: Path) -> Told:
        here = store(folder)
        for side, name, media in (
            ("identity", "alice", make(folder)),
            ("target", "clip", noise(folder / "b.png")),
        ):
            place = here.input_folder(side, name)
            place.mkdir(parents=True)
            media.rename(place / media.name)
            record(place / "consent.json", place / media.name)
        return command("run", "alice", "clip", makes=True)

    return tried


CASES = (
    Case("consent", "no record", added("no record"), 3, "no such consent record"),
    Case("consent", "damaged record", added("damaged"), 2, "is wrong"),
    Case("consent", "expired record", added("expired"), 3, "expired on 2026-01-02"),
    Case("consent", "record over other media", added("other media"), 3, "does not cover a.png"),
    Case("consent", "record for another use", added("other scope"), 3, "allows publish but not"),
    Case("consent", "record gone since", run_with("missing"), 3, "has no consent record"),
    Case("consent", "record expired since", run_with("expired"), 3, "expired on"),
    Case("consent", "record taken back", run_with("revoked"), 3, "was revoked on"),
    Case("consent", "record that begins later", run_with("not yet"), 3, "holds only from"),
    Case("consent", "media changed or added since", run_with("other media"), 3, "does not cover"),
    Case("consent", "record changed after it was signed", run_with("forged"), 3, "signature"),
    Case("consent", "same media under a record taken back elsewhere", run_with("buried"), 3,
         "revoked on"),
    Case("consent", "pair that the record does not name", run_with("another partner"), 3,
         "for stage only, not for scene"),
    Case("consent", "unsigned record where signatures are wanted", unsigned, 3, "is not signed"),
    Case("consent", "tombstone that cannot be read", unreadable_tombstone, 2, "cannot be read"),
    Case("faces", "video without a face", seen(lambda folder: noise(folder / "wall.png")), 2,
         "wall.png: 0 of 1 selected frames show a face", looks=True),
    Case("faces", "fewer than 3 usable faces",
         seen(lambda folder: clip(folder / "short.mp4", frames=2)), 2, "at least 3", looks=True),
    Case("faces", "identity of two equally frequent people",
         seen(lambda folder: clip(folder / "two.mp4", seeds=(6, 43), frames=12, size=320)), 2,
         "2 people are seen about equally often", looks=True),
)  # fmt: skip
