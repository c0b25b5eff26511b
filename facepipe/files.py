"""Files that are whole or absent: write aside, flush to disk, rename.

What a killed process leaves aside is removed by the next one that writes to that folder.
"""

import errno
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from facepipe.errors import StorageError

_STORAGE_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}
_STALE_AFTER_S = 60.0  # no process needs so long from making a file to locking it
_tidied: set[Path] = set()
_ASIDE = ".*.part*"


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield a path beside `path` to write to; on success it takes `path`'s place, else it goes.

    The suffix is kept, for libraries that choose a format by it.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    with storage_errors(path):
        make_folder(path.parent)
        _tidy(path.parent)
        with _aside(path) as aside:
            yield aside
            flush_to_disk(aside)
            aside.replace(path)
            flush_to_disk(path.parent)


def write_whole(path: Path, content: bytes | str) -> None:
    """Put `content` (text as UTF-8) at `path`, or leave what was there.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    with whole_file(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


def write_once(path: Path, content: bytes) -> None:
    """Put `content` at `path`, for its owner alone, unless something is there; that stays.

    Raises:
        StorageError: The disk is full or the folder may not be written to.
    """
    with storage_errors(path), _aside(path) as aside:
        aside.write_bytes(content)
        flush_to_disk(aside)
        with suppress(FileExistsError):
            os.link(aside, path)
        flush_to_disk(path.parent)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, so that they survive a power loss."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
        flush_to_disk(folder.parent)


def flush_tree(folder: Path) -> None:
    """Make a folder and everything below it survive a power loss."""
    for path in sorted(folder.rglob("*")):
        if not path.is_symlink():
            flush_to_disk(path)
    flush_to_disk(folder)


def flush_to_disk(path: Path) -> None:
    """Make a file, or the entries of a folder, survive a power loss."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_aside(path: Path) -> bool:
    """Whether `path` is a file of `whole_file` that is not in its place, or never will be."""
    return path.match(_ASIDE)


@contextmanager
def _aside(path: Path) -> Generator[Path]:
    """An empty file beside `path`, for its owner alone, locked as long as it is written to."""
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem}.", suffix=f".part{path.suffix}", dir=path.parent
    )
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield Path(name)
    finally:
        os.close(handle)
        Path(name).unlink(missing_ok=True)


def _tidy(folder: Path) -> None:
    """Remove what processes that are gone left aside in `folder`; once per process."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    for left in folder.glob(_ASIDE):
        with suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - left.stat().st_mtime > _STALE_AFTER_S:
                left.unlink()


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn a full disk or a missing right into a `StorageError` that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _STORAGE_ERRNOS:
            raise
        raise StorageError(cannot_be_written(path, os.strerror(error.errno))) from error


def cannot_be_written(path: Path | str, why: str) -> str:
    """What to say of a place that has no room, or may not be written to."""
    return (
        f"{path}: cannot be written ({why}); free space or allow writing there, or set "
        f"FACEPIPE_DATA to another folder"
    )


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
