"""Bad inputs of commands: media, names, settings, and where they are kept."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from facepipe import files
from facepipe.settings import own_certificate
from facepipe_tests.cli.granting import put_in
from facepipe_tests.end_to_end.inputs import noise, record
from facepipe_tests.errors.cases import ROOT, Case, Told, command, store
from facepipe_tests.media.wholes import gif, png, sound_alone, whole_files

NAME = "[a-z0-9][a-z0-9_-]{0,62}"


def added(make: Callable[[Path], object], name: str = "clip.mp4", **environment: str):
    """Try to add a file, which `make` puts at a path, under a record over another."""

    def tried(folder: Path) -> Told:
        make(folder / name)
        consent = record(folder / "consent.json", noise(folder / "other.png"))
        return command(
            "add", "identity", "alice", folder / name, "--consent", consent, **environment
        )

    return tried


def named(name: str):
    """Try to add a picture under a name."""

    def tried(folder: Path) -> Told:
        picture = noise(folder / "a.png")
        consent = record(folder / "consent.json", picture)
        return command("add", "identity", name, picture, "--consent", consent)

    return tried


def run(*arguments: str, **environment: str):
    """Try to run a pair of which both sides are there."""

    def tried(folder: Path) -> Told:
        put_in(store(folder), identity="alice", target="clip")
        return command("run", *arguments, **environment)

    return tried


def folder_of_text(path: Path) -> None:
    path.mkdir()
    (path / "notes.txt").write_text("hello")


def written(content: Callable[[], bytes]):
    return lambda path: path.write_bytes(content())


def damaged_history(folder: Path) -> Told:
    """A database that SQLite does not know."""
    history = folder / ROOT / ".dagster/history"
    history.mkdir(parents=True)
    (history / "runs.db").write_bytes(b"nothing of SQLite's" * 99)
    return command("status", makes=True)


def no_room(folder: Path) -> Told:
    """A disk that is full when the first file is to be flushed."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    picture = noise(folder / "a.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "flush_to_disk", full)
        return command(
            "consent", "new", "--subject", "Ann", "--scope", "train", "--expires", "2099-01-01",
            "--media", picture, "-o", folder / "c.json",
        )  # fmt: skip


def no_network(folder: Path) -> Told:
    """No host answers, and pip knows no index."""
    nowhere = {"https_proxy": "http://127.0.0.1:9", "PIP_NO_INDEX": "1"}
    nowhere["PIP_FIND_LINKS"] = str(folder)
    return command("models", "fetch", "face_landmarker", **nowhere)


def others_there(folder: Path) -> Told:
    put_in(store(folder), identity="alice")
    Image.new("RGB", (64, 64), (9, 99, 9)).save(folder / "b.png")
    consent = record(folder / "consent.json", folder / "b.png")
    return command("add", "identity", "alice", folder / "b.png", "--consent", consent)


def a_run(*arguments: str, said: str, what: str) -> Case:
    return Case("settings", what, run("alice", "clip", *arguments), 2, said)


def setting(key: str, said: str, what: str) -> Case:
    return a_run("--set", key, said=said, what=what)


CASES = (
    Case("media", "missing file", added(lambda path: path), 2, "no such file or folder"),
    Case("media", "empty file", added(Path.touch), 2, "empty (0 bytes)"),
    Case(
        "media", "truncated video",
        added(written(lambda: whole_files()["a.mp4"][:1500])), 2, "cannot be read",
    ),
    Case("media", "text called a video", added(written(lambda: b"no video " * 99)), 2, "whole"),
    Case("media", "folder without media", added(folder_of_text, "folder"), 2, "not a media file"),
    Case("media", "sound without a picture", added(written(sound_alone)), 2, "no video"),
    Case("media", "picture of 30000 x 30000 px",
         added(written(lambda: png(30_000, 30_000)), "a.png"), 2, "more pixels than"),
    Case("media", "more frames than the limit",
         added(written(lambda: gif(300)), "a.gif", FACEPIPE_LIMITS="frames=100"), 2,
         "more than 100 frames"),
    Case("media", "a name that holds other media already", others_there, 2, "--replace"),
    *(
        Case("names", f"name {what}", named(name), 2, NAME)
        for what, name in {
            "..": "..", "with a slash": "a/b", "as an absolute path": "/etc/x",
            "with a bar": "a|b", "in capitals": "Alice", "empty": "", "of 64 letters": "x" * 64,
        }.items()
    ),
    Case("names", "unknown identity", run("nobody", "clip"), 2, "known: alice"),
    Case("names", "unknown target", run("alice", "nothing"), 2, "known: clip"),
    a_run("--preset", "best", said="known: quick, production, maximum", what="unknown preset"),
    setting("pair/lora.rank=4", "unknown key 'pair/lora'", "setting of an unknown asset"),
    setting("pair/lora_checkpoint.ranks=4", "unknown option 'ranks'", "unknown setting"),
    setting("rank=4", "give KEY.OPTION=VALUE", "setting without its asset"),
    setting("pair/lora_checkpoint.rank=many", "valid integer", "word where a number belongs"),
    setting("pair/lora_checkpoint.rank=0", "rank is 0", "rank out of range"),
    setting("identity/frames.max_frames=0", "max_frames is 0", "frames out of range"),
    setting("pair/swapped_video.crf=99", "0 to 51", "quality out of range"),
    setting("pair/lora_checkpoint.l1=nan", "l1 is nan", "weight that is no number"),
    setting("pair/swapped_video.disclosure=Künstlich", "'ü'", "disclosure the font cannot draw"),
    setting("pair/swapped_video.encoder=mpeg9", "needed is one of", "unknown encoder"),
    setting("pair/swapped_video.people=x", "maps nobody", "mapping that maps nobody"),
    a_run("--device", "abacus", said="abacus", what="unknown device"),
    a_run("--nonsense", said="--nonsense", what="unknown option of a command"),
    Case("settings", "limits that are no limits",
         added(Path.touch, FACEPIPE_LIMITS="frames=few"), 2, "needed are numbers"),
    Case("settings", "certificate without its key",
         lambda folder: str(own_certificate({"FACEPIPE_CERTIFICATE": "/c.pem"})), 2,
         "FACEPIPE_PRIVATE_KEY"),
    Case("places", "relative DAGSTER_HOME", lambda folder: command("status", DAGSTER_HOME="home"),
         2, "must be an absolute path"),
    Case("places", "landmark model neither fetchable nor buildable", no_network, 2,
         "can be neither fetched nor built"),
    Case("places", "damaged database of Dagster's", damaged_history, 1,
         "the history of runs is lost"),
    Case("places", "no room on the disk", no_room, 2, "No space left on device"),
    Case("places", "data root that may not be written",
         added(lambda path: noise(path), "a.png", FACEPIPE_DATA="/sys/facepipe"), 2,
         "/sys/facepipe"),
)  # fmt: skip
