"""A published folder is the old one or the new one, at every instant and after every kill."""

import signal
import subprocess
import sys
import time

import pytest

from facepipe import files, publishing
from facepipe.errors import BusyError
from facepipe.publishing import folder_digest, held, publish_folder


def folder(path, **files):
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def test_a_published_folder_replaces_the_old_one_whole(tmp_path):
    publish_folder(folder(tmp_path / "one", a="1", b="1"), tmp_path / "place")
    publish_folder(folder(tmp_path / "two", a="2"), tmp_path / "place")
    assert {p.name: p.read_text() for p in (tmp_path / "place").iterdir()} == {"a": "2"}
    assert [p.name for p in tmp_path.iterdir()] == ["place"]


KILLED = """
import sys, itertools
from pathlib import Path
from facepipe.publishing import publish_folder
root = Path(sys.argv[1])
for n in itertools.count():
    new = root / f"new{n}"
    new.mkdir()
    for name in "abc":
        (new / name).write_text(str(n))
    publish_folder(new, root / "place")
    print(n, flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.02, 0.05, 0.09, 0.13, 0.21])
def test_a_kill_at_any_moment_leaves_one_whole_folder(tmp_path, delay_s):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    texts = {p.name: p.read_text() for p in (tmp_path / "place").iterdir()}
    assert set(texts) == {"a", "b", "c"}
    assert len(set(texts.values())) == 1


def test_a_folder_is_on_disk_before_it_takes_its_place_and_the_place_after(tmp_path, monkeypatch):
    events: list[str] = []
    flush, switch = files.flush_to_disk, publishing.exchange
    for module in (files, publishing):
        monkeypatch.setattr(
            module, "flush_to_disk", lambda path: (events.append(path.name), flush(path))
        )
    monkeypatch.setattr(
        publishing, "exchange", lambda *both: (events.append("switch"), switch(*both))
    )
    publish_folder(folder(tmp_path / "one", a="1"), tmp_path / "place")
    new = folder(tmp_path / "two", a="2", b="2")
    folder(new / "inner", c="3")
    events.clear()
    publish_folder(new, tmp_path / "place")
    place = events.index("switch")
    assert set(events[:place]) == {"two", "a", "b", "inner", "c"}
    assert tmp_path.name in events[place:]


def test_an_open_file_of_the_old_folder_can_be_read_to_its_end(tmp_path):
    publish_folder(folder(tmp_path / "one", a="1" * 99_999), tmp_path / "place")
    with (tmp_path / "place" / "a").open() as reader:
        reader.read(1)
        publish_folder(folder(tmp_path / "two", a="2"), tmp_path / "place")
        assert reader.read() == "1" * 99_998


def test_the_digest_sees_names_and_contents_but_not_hidden_or_left_out_files(tmp_path):
    one = folder(tmp_path / "one", a="1", b="2")
    digest = folder_digest(one)
    (one / ".recipe.json").write_text("x")
    (one / "telemetry.jsonl").write_text("x")
    folder(one / "tensorboard", events="x")
    told = frozenset({"telemetry.jsonl", "tensorboard"})
    assert folder_digest(one, told) == digest
    (one / "a").rename(one / "c")
    assert folder_digest(one, told) != digest


def test_a_lock_is_refused_to_a_second_holder_and_freed_with_the_first(tmp_path):
    lock = tmp_path / "lock"
    refused = pytest.raises(BusyError, match="identity/frames is being made")
    with held(lock, "identity/frames"), refused, held(lock, "identity/frames"):
        pass
    with held(lock, "identity/frames"):
        assert lock.exists()
