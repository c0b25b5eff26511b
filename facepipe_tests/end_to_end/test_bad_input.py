"""Every bad input ends with its exit code and one line, and leaves what was there."""

import pytest

from facepipe.cli.app import exit_code_of
from facepipe_tests.end_to_end.inputs import added, clip, files_in, noise, record

pytestmark = pytest.mark.slow


def stand_in(root, patch):
    """Let commands of this process work on a data root."""
    patch.setenv("FACEPIPE_DATA", str(root))
    patch.delenv("DAGSTER_HOME", raising=False)
    patch.chdir(root.parent)


@pytest.fixture(scope="module")
def of_all(tmp_path_factory):
    """A data root with two inputs."""
    root = tmp_path_factory.mktemp("two") / "data"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        stand_in(root, patch)
        added(root, "identity", "alice", noise(root.parent / "a.png"))
        added(root, "target", "clip", noise(root.parent / "b.png"))
    return root


@pytest.fixture
def two_added(of_all, monkeypatch):
    """The same for each test, which must leave it as it is."""
    stand_in(of_all, monkeypatch)
    before = files_in(of_all)
    yield of_all
    assert files_in(of_all) == before


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "folder of text"])
def test_a_file_that_is_no_media_is_refused_and_nothing_is_added(root, fails, tmp_path, kind):
    path = tmp_path / "clip.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "truncated":
        clip(path, frames=30)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "text":
        path.write_text("not a video at all " * 100)
    elif kind == "folder of text":
        path = tmp_path / "folder"
        path.mkdir()
        (path / "notes.txt").write_text("hello")
    consent = record(tmp_path / "c.json", noise(tmp_path / "other.png"))
    before = files_in(root)
    assert fails(2, "add", "identity", "alice", path, "--consent", consent)
    assert files_in(root) == before


@pytest.mark.parametrize("name", ["..", "a/b", "/etc/x", "a|b", "Alice", "", "x" * 64])
def test_a_name_outside_the_pattern_is_refused(root, fails, tmp_path, name):
    picture = noise(tmp_path / "a.png")
    before = files_in(root)
    line = fails(2, "add", "identity", name, picture, "--consent", record(tmp_path / "c", picture))
    assert "[a-z0-9][a-z0-9_-]{0,62}" in line
    assert files_in(root) == before
    assert fails(2, "run", name, "clip")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody", "clip"], "identity 'nobody' is unknown; known: alice"),
        (["alice", "nothing"], "target 'nothing' is unknown"),
        (["alice", "clip", "--preset", "best"], "known: quick, production, maximum"),
        (["alice", "clip", "--set", "pair/lora.rank=4"], "unknown key 'pair/lora'"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.ranks=4"], "unknown option 'ranks'"),
        (["alice", "clip", "--set", "rank=4"], "give KEY.OPTION=VALUE"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.rank=many"], "valid integer"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.rank=0"], "rank is 0"),
        (["alice", "clip", "--set", "identity/frames.max_frames=0"], "max_frames is 0"),
        (["alice", "clip", "--set", "pair/swapped_video.crf=99"], "crf is 99"),
        (["alice", "clip", "--set", "pair/lora_checkpoint.l1=nan"], "l1 is nan"),
        (["alice", "clip", "--device", "abacus"], "abacus"),
        (["alice"], "target"),
        (["alice", "clip", "--nonsense"], "--nonsense"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_named(two_added, fails, arguments, said):
    assert said in fails(2, "run", *arguments)
    assert not (two_added / "assets").exists()


def test_a_video_without_a_face_is_refused_by_name(root, fails, tmp_path):
    added(root, "identity", "alice", noise(tmp_path / "wall.png"))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    assert "wall.png" in fails(2, "run", "alice", "clip")
    assert not (root / "assets" / "identity" / "faces").exists()


def test_fewer_than_three_faces_are_refused_with_their_count(root, fails, tmp_path):
    added(root, "identity", "alice", clip(tmp_path / "short.mp4", frames=2))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    assert "3" in fails(2, "run", "alice", "clip")


def test_two_equally_frequent_people_are_refused_as_an_identity(root, fails, tmp_path):
    added(root, "identity", "alice", clip(tmp_path / "two.mp4", seeds=(6, 43), frames=12, size=320))
    added(root, "target", "clip", noise(tmp_path / "b.png"))
    line = fails(2, "run", "alice", "clip")
    assert "two.mp4" in line
    assert "2 people" in line


def test_a_name_that_holds_other_media_is_not_overwritten_unless_asked(root, fails, tmp_path):
    added(root, "identity", "alice", noise(tmp_path / "a.png"))
    other = clip(tmp_path / "other.mp4")
    consent = record(tmp_path / "c.json", other)
    before = files_in(root)
    line = fails(2, "add", "identity", "alice", other, "--consent", consent)
    assert "--replace" in line
    assert files_in(root) == before
    command = ["add", "identity", "alice", str(other), "--consent", str(consent), "--replace"]
    assert exit_code_of(command) == 0
    assert (root / "identities" / "alice" / "other.mp4").is_file()
