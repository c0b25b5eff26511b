"""Whatever a file holds: it is decoded, or refused in one line, in time, memory and safety."""

import os
import resource
import time
from collections import Counter
from pathlib import Path

import pytest

from facepipe.errors import MediaError
from facepipe.media.decode import decode
from facepipe.media.inspection import inspect_media
from facepipe.media.settings import InspectionSettings
from facepipe_tests.media.hostile import specimens
from facepipe_tests.media.mutations import MADE, MUTATIONS
from facepipe_tests.media.wholes import gif, png

LONGEST_S = 60.0
MOST_BYTES = 2 << 30


def outcome(path: Path) -> str:
    """What became of a file: `decoded`, or the reason it was refused, without its name."""
    try:
        (frames,) = inspect_media([path])
    except MediaError as error:
        said = str(error)
        assert said.startswith(str(path))
        assert len(said.splitlines()) == 1
        return "decoder ended" if "decoder" in said or "MiB" in said else "refused"
    if frames <= 100:  # what passed is read in-process afterwards, and the same
        assert sum(1 for _ in decode(path)) == frames
    return "decoded"


def looked_at(folder: Path, seed: int, count: int) -> Counter[tuple[str, str]]:
    """Outcomes by kind; a file that takes too long or leaves something behind fails."""
    told: Counter[tuple[str, str]] = Counter()
    for specimen in specimens(seed, count):
        path = folder / specimen.name
        path.write_bytes(specimen.content)
        began_s = time.monotonic()
        told[specimen.kind, outcome(path)] += 1
        assert time.monotonic() - began_s < LONGEST_S, specimen
        path.unlink()
        assert [*folder.iterdir()] == [], specimen
    peak_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert peak_kib * 1024 < MOST_BYTES
    return told


def test_one_of_each_kind_is_decoded_or_refused(tmp_path):
    told = looked_at(tmp_path, 3, len(MUTATIONS) + len(MADE))
    assert {outcome for _, outcome in told} >= {"decoded", "refused"}


@pytest.mark.soak
def test_five_hundred_are_decoded_or_refused(tmp_path):
    seed = int(os.environ.get("FACEPIPE_SEED", "1"))
    told = looked_at(tmp_path, seed, 500)
    outcomes = sorted({outcome for _, outcome in told})
    rows = [["kind", *outcomes]] + [
        [kind, *(str(told[kind, outcome]) for outcome in outcomes)] for kind in (*MUTATIONS, *MADE)
    ]
    table = "\n".join("".join(f"{cell:>18}" for cell in row) for row in rows)
    Path(os.environ.get("FACEPIPE_TABLE", "/tmp/hostile_media.txt")).write_text(table + "\n")  # noqa: S108
    assert sum(told.values()) == 500


@pytest.mark.parametrize(
    ("name", "content", "settings", "said"),
    [
        ("a.gif", gif(2000), InspectionSettings(frames=100), "more than 100 frames"),
        ("a.png", png(30_000, 30_000), InspectionSettings(), "more pixels than"),
        ("a.png", png(9_000, 9_000), InspectionSettings(memory_mb=256), "memory|MiB"),
    ],
)
def test_each_limit_is_named(tmp_path, name, content, settings, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError, match=said):
        inspect_media([path], settings)


HANGS = "import time; time.sleep(60)"
CRASHES = "import os; os.kill(os.getpid(), 11)"
FLOODS = "a = b'x' * (900 << 20); import time; time.sleep(60)"


@pytest.mark.parametrize(
    ("does", "stall_s", "said"),
    [
        (HANGS, 1, "no frame came for 1 s"),
        (CRASHES, 30, "crashed.*SIGSEGV"),
        (FLOODS, 30, "more than 300 MiB"),
    ],
)
def test_a_decoder_that_hangs_crashes_or_floods_ends_alone(
    tmp_path, monkeypatch, does, stall_s, said
):
    path = tmp_path / "a.gif"
    path.write_bytes(gif(3))
    (tmp_path / "sitecustomize.py").write_text(does)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(MediaError, match=said):
        inspect_media([path], InspectionSettings(stall_s=stall_s, memory_mb=300))
