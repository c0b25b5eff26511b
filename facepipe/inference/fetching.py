"""Fetch files over the network; what does not have the expected hash never becomes a file."""

import hashlib
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import IO

from facepipe.errors import ModelFileError
from facepipe.files import sha256_of, whole_file

Progress = Callable[[int, int], None]
WHEEL = "mediapipe==0.10.21"
WHEEL_FILE = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
_TIMEOUT_S = 20.0  # without a byte
_PIP_TIMEOUT_S = 900.0
_PIECE = 1 << 20


def download(url: str, path: Path, *, sha256: str, most_bytes: int, on_progress: Progress) -> None:
    """Put the content of `url` at `path`; an empty `sha256` leaves the check to the caller.

    Raises:
        ModelFileError: Unreachable, larger than `most_bytes`, cut short, or of another hash.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "facepipe"})  # noqa: S310 registry
    try:
        with whole_file(path) as aside:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                total = int(answer.headers.get("Content-Length") or 0)
                digest = _copy(answer, aside, total, most_bytes, on_progress)
            if sha256 and digest != sha256:
                raise ModelFileError(f"{url}: refused, its sha256 is {digest}, it must be {sha256}")
    except urllib.error.URLError as error:
        raise ModelFileError(f"{url}: cannot be fetched ({error.reason})") from error
    except (TimeoutError, ConnectionError, HTTPException) as error:
        reason = str(error) or type(error).__name__
        raise ModelFileError(f"{url}: broke off ({reason}); try again") from error


def _copy(source: IO[bytes], path: Path, total: int, most: int, on_progress: Progress) -> str:
    """Stream to `path` and return the SHA-256; refuse what is larger or shorter than stated."""
    digest, done = hashlib.sha256(), 0
    with path.open("wb") as file:
        while piece := source.read(_PIECE):
            done += len(piece)
            if done > most:
                raise ModelFileError(f"the download is larger than {most} bytes; refused")
            digest.update(piece)
            file.write(piece)
            on_progress(done, total)
    if done < total:
        raise ConnectionError(f"{done} of {total} bytes came")
    return digest.hexdigest()


def unpack_member(archive: Path, member: str, path: Path, *, sha256: str) -> None:
    """Put the file called `member`, in whichever folder of the zip it lies, at `path`.

    Raises:
        ModelFileError: No such member, no zip, or another hash.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            inside = [name for name in file.namelist() if Path(name).name == member]
            if not inside:
                raise ModelFileError(f"{archive.name}: holds no {member}, which was to be in it")
            with whole_file(path) as aside:
                with file.open(inside[0]) as source:
                    digest = _copy(source, aside, 0, file.getinfo(inside[0]).file_size, _silent)
                if digest != sha256:
                    raise ModelFileError(
                        f"{member}: refused, its sha256 is {digest}, it must be {sha256}"
                    )
    except zipfile.BadZipFile as error:
        raise ModelFileError(f"{archive.name}: damaged ({error})") from error


def fetch_wheel(folder: Path) -> Path:
    """The pinned mediapipe wheel, downloaded into `folder` by pip and never installed.

    One platform's wheel serves all: only its data files are read.

    Raises:
        ModelFileError: pip is missing or cannot get it, or its hash is another.
    """
    command = [
        sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--only-binary=:all:",
        "--python-version", "3.11", "--platform", "manylinux_2_28_x86_64", "--no-input",
        "--disable-pip-version-check", "--quiet", "--dest", str(folder),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 fixed words and our own folder
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelFileError(f"{WHEEL}: pip gave no answer in {_PIP_TIMEOUT_S:.0f} s") from error
    wheel = folder / WHEEL_FILE
    if done.returncode or not wheel.is_file():
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelFileError(f"{WHEEL}: pip download failed ({said[-1] if said else 'no wheel'})")
    check_wheel(wheel)
    return wheel


def check_wheel(wheel: Path) -> None:
    """Raise `ModelFileError`, and remove the file, unless it is the pinned wheel."""
    digest = sha256_of(wheel)
    if digest != WHEEL_SHA256:
        wheel.unlink()
        raise ModelFileError(
            f"{wheel.name}: refused and removed, its sha256 is {digest}, it must be {WHEEL_SHA256}"
        )


def _silent(done: int, total: int) -> None:
    del done, total
