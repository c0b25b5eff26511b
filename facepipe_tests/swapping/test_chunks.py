"""A swap that was broken off goes on, and ends in the same file as one that was not."""

import dataclasses
import itertools
import json
import math
import subprocess
import sys

import pytest

from facepipe.errors import StoppedError, StorageError
from facepipe.swapping.casting import Spot
from facepipe.swapping.chunks import ChunkFolder
from facepipe.swapping.film import film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.video import swap_video
from facepipe_tests.swapping.clips import Painter, landmarks_of, one_part, talking, write_clip

FRAMES = 26
PTS = tuple(40 * k + k % 3 for k in range(FRAMES))
SETTINGS = SwapSettings(colour="mean_std", crf=8, preset="ultrafast", batch=3, chunk_frames=5)
"""Chunks of 6 frames, since a chunk is made of whole batches."""
KEPT = frozenset({Spot(3, 0), Spot(15, 0)})


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    frames, points = talking(FRAMES)
    path = write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", frames, PTS)
    landmarks = landmarks_of([*points[:8], None, *points[9:]], [0] * FRAMES, pts=PTS)
    landmarks.scene[14:] = 1
    return film_of([path], landmarks)


@pytest.fixture(scope="module")
def straight(film, tmp_path_factory):
    return Swap(film, tmp_path_factory.mktemp("straight")).files()


class Swap:
    """A swap in a folder, which may be run again and again."""

    def __init__(self, film, folder, settings=SETTINGS):
        self.film, self.folder, self.settings = film, folder, settings
        self.told, self.painter = [], Painter((180, 120, 90))

    def run(self, frames=math.inf):
        asked = itertools.count()
        take = one_part(self.film, {0}, self.painter, KEPT)
        chunks = ChunkFolder(self.folder / "chunks", self.told.append)
        out = self.folder / "out" / "swapped.mp4"
        return swap_video(
            take, out, self.settings, stop=lambda: next(asked) >= frames, chunks=chunks
        )

    def files(self):
        self.run()
        out = self.folder / "out"
        return {
            path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()
        }

    def records(self):
        return sorted(path.stem for path in (self.folder / "chunks").glob("0*.json"))


@pytest.mark.parametrize("after", [4, 6, 17])
def test_a_stopped_swap_goes_on_at_the_next_chunk_and_ends_in_the_same_files(
    film, straight, tmp_path, after
):
    swap = Swap(film, tmp_path)
    going_on = after // 6 * 6 + 1
    with pytest.raises(StoppedError, match=f"after {after} of 26 .* go on at frame {going_on}$"):
        swap.run(after)
    assert swap.records() == [f"{k:06d}" for k in range(after // 6)]
    assert not (tmp_path / "out").exists()
    assert swap.files() == straight
    assert len(straight) == 2 + len(KEPT)
    expected = f"{going_on - 1} of 26 frames are swapped already: it goes on at frame {going_on}"
    assert swap.told == ([expected] if after >= 6 else [])


def test_what_is_whole_is_not_drawn_again(film, tmp_path):
    settings = dataclasses.replace(SETTINGS, steady_s=0, colour_window_s=0)
    swap = Swap(film, tmp_path, settings)
    with pytest.raises(StoppedError):
        swap.run(13)
    swap.painter.batches.clear()
    swap.run()
    assert sum(swap.painter.batches) == FRAMES - 12
    swap.painter.batches.clear()
    swap.run()
    assert swap.painter.batches == []
    assert swap.told[-1] == "26 of 26 frames are swapped already: they are joined"


@pytest.mark.parametrize("harm", ["flip", "lose", "square", "record"])
def test_a_damaged_chunk_is_noticed_and_made_again(film, straight, tmp_path, harm):
    swap = Swap(film, tmp_path)
    swap.run()
    segment, record = tmp_path / "chunks" / "000002.nut", tmp_path / "chunks" / "000002.json"
    content = segment.read_bytes()
    {
        "flip": lambda: segment.write_bytes(
            content[:99] + bytes([content[99] ^ 1]) + content[100:]
        ),
        "lose": segment.unlink,
        "square": (tmp_path / "chunks" / "000002" / "000015_0.png").unlink,
        "record": lambda: record.write_text("{"),
    }[harm]()
    swap.told.clear()
    assert swap.files() == straight
    assert "000002.nut: damaged since it was made; it is made again" in swap.told[0]
    assert swap.told[1] == "20 of 26 frames are swapped already: it goes on at frame 13"


def test_chunks_of_other_settings_are_not_used(film, straight, tmp_path):
    Swap(film, tmp_path, dataclasses.replace(SETTINGS, crf=20)).run()
    swap = Swap(film, tmp_path)
    assert swap.files() == straight
    assert swap.told == ["the swap was begun with other versions or settings: begun anew"]


def test_a_disk_that_fills_up_keeps_the_chunks_and_with_room_the_swap_goes_on(
    film, straight, tmp_path
):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk]).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        swap, ballast = Swap(film, disk), disk / "ballast"
        with pytest.raises(StoppedError):
            swap.run(7)
        ballast.write_bytes(bytes(900_000))
        with pytest.raises(StorageError, match="No space left on device") as refusal:
            swap.run()
        assert "free space" in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert swap.records()[:1] == ["000000"]
        assert not list(disk.rglob(".*.part*"))
        ballast.unlink()
        assert swap.files() == straight
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.soak)])
def test_a_killed_swap_repeats_at_most_one_chunk_and_ends_in_the_same_file(tmp_path, count):
    command = [sys.executable, "-m", "facepipe_tests.swapping.killing", str(count), tmp_path]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert all(one["same"] for one in found), found
    assert all(0 <= one["frames_repeated"] <= 4 for one in found), found
