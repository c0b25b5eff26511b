"""What `facepipe doctor` looks at: each finding says what to do where it is not fine."""

import ctypes
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from facepipe.cli.orphans import orphans
from facepipe.cli.surroundings import DAGSTER_YAML, dagster_instance, unreadable_history
from facepipe.defs.signing import check_certificate
from facepipe.defs.storage import Store
from facepipe.errors import FacepipeError
from facepipe.settings import dagster_home, own_certificate

LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
}
_LEAST_FREE_GB = 5
PRIVATE = ("identities", "targets", "assets", ".work", ".dagster", "tombstones", "logs", "keys")
"""What tells of people, in a data root."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    fine: bool
    found: str
    fix: str = ""


def examine(store: Store) -> Iterator[Finding]:
    """Look at everything a run needs, one finding at a time."""
    looks: list[Callable[[], Finding]] = [
        *(lambda name=name: _library(name) for name in LIBRARIES),
        _device,
        _providers,
        _codecs,
        lambda: _models(store),
        lambda: _writable(Path(store.root)),
        lambda: _room(Path(store.root)),
        _home,
        _settings,
        _exchange(store),
        _certificate,
        lambda: _private(Path(store.root)),
        lambda: _deletions(store),
        lambda: _orphans(store),
    ]
    for look in looks:
        yield look()


def _library(name: str) -> Finding:
    try:
        ctypes.CDLL(name)
    except OSError:
        fix = f"apt-get install {LIBRARIES[name]}"
        return Finding(name, fine=False, found="missing", fix=fix)
    return Finding(name, fine=True, found="loads")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("device", fine=True, found=f"cuda: {torch.cuda.get_device_name()}")
    kind = "mps" if torch.backends.mps.is_available() else "cpu"
    return Finding("device", fine=True, found=f"{kind}, {torch.get_num_threads()} threads")


def _providers() -> Finding:
    import onnxruntime

    found = onnxruntime.get_available_providers()
    fine = "CPUExecutionProvider" in found
    return Finding(
        "ONNX providers", fine, ", ".join(found), "" if fine else "reinstall onnxruntime"
    )


def _codecs() -> Finding:
    import av

    needed = {"libx264": "w", "h264": "r", "aac": "r"}
    missing = [name for name, mode in needed.items() if not _has_codec(av, name, mode)]
    found = f"missing: {', '.join(missing)}" if missing else "H.264 in and out, AAC in"
    return Finding("codecs", not missing, found, "pip install av" if missing else "")


def _has_codec(av: object, name: str, mode: str) -> bool:
    try:
        av.Codec(name, mode)  # type: ignore[attr-defined]
    except ValueError:
        return False
    return True


def _models(store: Store) -> Finding:
    from facepipe.inference.models import verify_models

    try:
        lines = verify_models(store.models(), "face_landmarker")
    except FacepipeError as error:
        fix = "facepipe models fetch face_landmarker"
        return Finding("landmark model", fine=False, found=str(error), fix=fix)
    return Finding("landmark model", fine=True, found="; ".join(lines))


def _writable(root: Path) -> Finding:
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            return Finding("data root", fine=True, found=f"{root} can be written")
    except OSError as error:
        fix = "set FACEPIPE_DATA to a folder you may write to"
        return Finding("data root", fine=False, found=f"{root}: {error.strerror}", fix=fix)


def _room(root: Path) -> Finding:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    free_gb = shutil.disk_usage(place).free / 1e9
    fine = free_gb >= _LEAST_FREE_GB
    fix = "" if fine else f"free {_LEAST_FREE_GB} GB, or set FACEPIPE_DATA to another disk"
    return Finding("disk", fine, f"{free_gb:.0f} GB free", fix)


def _home() -> Finding:
    try:
        return Finding("Dagster home", fine=True, found=str(dagster_home()))
    except FacepipeError as error:
        return Finding("Dagster home", fine=False, found=str(error), fix="set an absolute path")


def _settings() -> Finding:
    """Whether the home's settings say what ours do: retries, monitoring, limits, retention."""
    what, place = "Dagster settings", dagster_home() / "dagster.yaml"
    if not place.is_file():
        return Finding(what, fine=True, found="not written yet; the first command does")
    ours: dict[str, Any] = yaml.safe_load(DAGSTER_YAML)
    there: dict[str, Any] = yaml.safe_load(place.read_text()) or {}
    others = [name for name, value in ours.items() if there.get(name) != value]
    if not others:
        return Finding(what, fine=True, found="as facepipe writes them")
    fix = f"if you did not mean it: delete {place}, it is written anew"
    return Finding(what, fine=False, found=f"{', '.join(others)} differ from ours", fix=fix)


def _certificate() -> Finding:
    what = "signatures"
    try:
        check_certificate()
    except FacepipeError as error:
        fix = "set FACEPIPE_CERTIFICATE and FACEPIPE_PRIVATE_KEY to what belongs together"
        return Finding(what, fine=False, found=str(error), fix=fix)
    whose = "your certificate" if own_certificate() else "a local key, which nobody vouches for"
    return Finding(what, fine=True, found=f"by {whose}")


def _private(root: Path) -> Finding:
    folders = [root / name for name in PRIVATE if (root / name).is_dir()]
    opened = [str(folder) for folder in folders if folder.stat().st_mode & 0o077]
    fix = f"chmod -R go-rwx {' '.join(opened)}" if opened else ""
    found = f"others can read {', '.join(opened)}" if opened else "yours alone to read"
    return Finding("files of people", not opened, found, fix)


def _deletions(store: Store) -> Finding:
    begun = [stone for stone in store.tombstones() if not stone.finished]
    names = ", ".join(f"{stone.side} {stone.name}" for stone in begun)
    found = f"unfinished: {names}" if begun else "none unfinished"
    return Finding("deletions", not begun, found, "facepipe sweep" if begun else "")


def _orphans(store: Store) -> Finding:
    if not (dagster_home() / "dagster.yaml").is_file():
        return Finding("trainings", fine=True, found="none yet")
    try:
        with dagster_instance() as instance:
            lost = list(orphans(instance, store))
    except Exception as error:
        damage = unreadable_history(error)
        if damage is None:
            raise
        return Finding("trainings", False, *damage)
    found = "; ".join(what for what, _ in lost) or "each belongs to a run that lives"
    return Finding("trainings", not lost, found, "; ".join(fix for _, fix in lost))


def _exchange(store: Store) -> Callable[[], Finding]:
    def look() -> Finding:
        from facepipe.publishing import publish_folder

        what = "atomic publish"
        try:
            with tempfile.TemporaryDirectory(dir=store.root) as folder:
                for _ in range(2):
                    Path(folder, "new").mkdir()
                    publish_folder(Path(folder, "new"), Path(folder, "place"))
        except (OSError, FacepipeError) as error:
            return Finding(what, fine=False, found=str(error), fix="use another file system")
        return Finding(what, fine=True, found="folders can be exchanged in one step")

    return look
