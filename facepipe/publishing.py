"""Put a finished folder in another's place by one atomic switch, and hold a build for one process.

On Linux two folders trade places in a single `renameat2(RENAME_EXCHANGE)`; on macOS
`renamex_np(RENAME_SWAP)` does the same. A kill at any instruction therefore leaves the old folder
or the new one, never neither.
"""

import ctypes
import errno
import fcntl
import fnmatch
import hashlib
import os
import shutil
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from facepipe.errors import BusyError, StorageError
from facepipe.files import flush_to_disk, flush_tree, make_folder, sha256_of, storage_errors

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def publish_folder(finished: Path, place: Path) -> None:
    """Make `finished` stand at `place`; what stood there before is deleted afterwards.

    Both must be on one file system. Everything is flushed to disk before the switch.

    Raises:
        StorageError: The disk is full, or the file system cannot exchange two folders.
    """
    with storage_errors(place):
        flush_tree(finished)
        make_folder(place.parent)
        if place.exists():
            exchange(finished, place)
        else:
            finished.replace(place)
        flush_to_disk(place.parent)
        flush_to_disk(finished.parent)
        shutil.rmtree(finished, ignore_errors=True)


def exchange(first: Path, second: Path) -> None:
    """Let two existing folders trade places, atomically.

    Raises:
        StorageError: This system or file system offers no atomic exchange.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    one, two = os.fsencode(first), os.fsencode(second)
    if sys.platform == "darwin":
        failed = libc.renamex_np(one, two, _RENAME_EXCHANGE)
    else:
        failed = libc.renameat2(_AT_FDCWD, one, _AT_FDCWD, two, _RENAME_EXCHANGE)
    if failed:
        code = ctypes.get_errno()
        if code in {errno.EINVAL, errno.ENOSYS}:
            raise StorageError(
                f"{second}: this file system cannot exchange two folders in one step; "
                f"set FACEPIPE_DATA to a folder on ext4, xfs, btrfs, tmpfs or APFS"
            )
        raise OSError(code, os.strerror(code), str(second))


def folder_digest(folder: Path, left_out: frozenset[str] = frozenset()) -> str:
    """A digest of the names and contents of all files below `folder`, hidden ones left out.

    Args:
        folder: What to hash.
        left_out: Names, or patterns of names, of files and folders whose content may differ from
            run to run (timings, for example).
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        passed_over = (".*", *left_out)
        if path.is_file() and not _is_any(name.parts, passed_over):
            digest.update(f"{name.as_posix()}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()[:32]


def _is_any(names: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


@contextmanager
def held(lock: Path, what: str) -> Generator[None]:
    """Hold `lock` for the length of the block; the system frees it when the process dies.

    Raises:
        BusyError: Another process holds it.
    """
    with storage_errors(lock):
        make_folder(lock.parent)
        file = lock.open("w")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"{what} is being made by another process; wait for it, or stop that run"
            ) from error
        yield
