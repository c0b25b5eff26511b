"""Kill swaps with SIGKILL at random points, run them again, and compare with one never killed.

`python -m facepipe_tests.swapping.killing COUNT FOLDER`; a process of its own, since it forks and
OpenCV's threads do not outlive that. Every swap runs in a child.
"""

import itertools
import json
import sys
import time
from pathlib import Path

import numpy as np

from facepipe.publishing import folder_digest
from facepipe.swapping.casting import Spot
from facepipe.swapping.chunks import ChunkFolder
from facepipe.swapping.film import film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import MeshSwapper
from facepipe.swapping.video import swap_video
from facepipe_tests.compositing.painted import person
from facepipe_tests.crashing.children import KILLED, dying, in_child
from facepipe_tests.swapping.clips import landmarks_of, one_part, talking, write_clip

FRAMES = 20
PTS = tuple(range(0, 40 * FRAMES, 40))
SETTINGS = SwapSettings(
    swapper="mesh", colour="mean_std", crf=8, preset="ultrafast", batch=2, chunk_frames=4
)


def swap(clip: Path, place: Path) -> None:
    """Swap into `place`; the frames encoded are noted, a byte each."""
    points = talking(FRAMES)[1]
    film = film_of([clip], landmarks_of(points, [0] * FRAMES, pts=PTS))
    take = one_part(
        film,
        {0},
        MeshSwapper(person(mouths=(0.0,), yaws=(0.0,))),
        frozenset({Spot(3, 0), Spot(13, 0)}),
    )
    place.mkdir(exist_ok=True)
    with (place / "encoded").open("ab", buffering=0) as encoded:
        swap_video(
            take,
            place / "out" / "swapped.mp4",
            SETTINGS,
            on_progress=lambda done, total: encoded.write(b".") and None,
            chunks=ChunkFolder(place / "chunks"),
        )


def killed_and_resumed(clip: Path, place: Path, point: int, length_s: float) -> dict[str, object]:
    """One kill: at a write to disk or, every second time, after a while."""
    chance = np.random.default_rng(point + 1)
    if point % 2:
        after_s = chance.uniform(0.1, length_s)
        where, code = f"{after_s:.2f} s", in_child(lambda: swap(clip, place), after_s)
    else:
        write = int(chance.integers(1, 2 * FRAMES))
        where, code = f"write {write}", in_child(dying(lambda: swap(clip, place), write))
    done = len(list((place / "chunks").glob("0*.json")))
    finished = in_child(lambda: swap(clip, place))
    straight = clip.parent / "out"
    return {
        "at": where,
        "killed": code == KILLED,
        "chunks_kept": done,
        "frames_repeated": len((place / "encoded").read_bytes()) - FRAMES,
        "same": finished == 0 and folder_digest(place / "out") == folder_digest(straight),
    }


def main(count: int, folder: Path) -> list[dict[str, object]]:
    """`count` swaps that were killed, of as many as that takes."""
    clip = folder / "straight" / "clip.mp4"
    clip.parent.mkdir()
    in_child(lambda: write_clip(clip, talking(FRAMES)[0], PTS))
    started = time.monotonic()
    in_child(lambda: swap(clip, clip.parent))
    length_s = time.monotonic() - started
    found: list[dict[str, object]] = []
    for point in itertools.count():
        found.append(killed_and_resumed(clip, folder / f"point{point}", point, length_s))
        if sum(bool(one["killed"]) for one in found) == count:
            return found
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), Path(sys.argv[2])), indent=1))
