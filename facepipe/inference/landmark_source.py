"""Obtain the landmark bundle: from the official file, the pinned wheel, or both.

The full-range detector finds faces of 49 px in a 480 px wide clip in every frame, where the
official bundle's short-range one finds them in a third; the official landmark network is the more
exact one. So both are put together where both can be had.
"""

import hashlib
import logging
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from facepipe.errors import ModelFileError
from facepipe.files import sha256_of, write_whole
from facepipe.inference.fetching import (
    WHEEL_FILE,
    Progress,
    check_wheel,
    download,
    fetch_wheel,
)
from facepipe.inference.landmark_bundle import (
    DETECTOR,
    NETWORK,
    attention_network,
    bundle,
    task_network,
)
from facepipe.inference.registry import (
    FACE_LANDMARKER,
    FULL,
    OFFICIAL_ONLY,
    WHEEL_ONLY,
    BundleKind,
)

_WHEEL_DETECTOR = "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite"
_WHEEL_NETWORK = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The two networks of one source, as their makers wrote them."""

    detector: bytes
    network: bytes


def obtain_bundle(path: Path, on_progress: Progress) -> BundleKind:
    """Write the landmark bundle to `path`; the official file, or the wheel, may lie there already.

    Raises:
        ModelFileError: Neither part can be had, or the result is not the pinned one.
    """
    tried: list[str] = []
    official: list[Parts] = []
    wheel: list[Parts] = []
    for found, source in ((official, _official), (wheel, _wheel)):
        try:
            with tempfile.TemporaryDirectory() as scratch:
                found.append(source(path, Path(scratch), on_progress))
        except ModelFileError as error:
            tried.append(str(error))
    if not official and not wheel:
        raise ModelFileError(
            f"the landmark model can be neither fetched nor built: {'; '.join(tried)}. "
            f"By hand: put the file of {FACE_LANDMARKER.url} at {path}"
        )
    kind, content = compose(official, wheel)
    if kind is OFFICIAL_ONLY:
        _log.warning("small faces will be missed: without the full-range detector (%s)", tried[0])
    digest = hashlib.sha256(content).hexdigest()
    if digest != kind.sha256:
        raise ModelFileError(
            f"{path.name}: built with sha256 {digest}, it must be {kind.sha256}; install the "
            f"pinned versions of mediapipe and flatbuffers"
        )
    write_whole(path, content)
    return kind


def compose(official: list[Parts], wheel: list[Parts]) -> tuple[BundleKind, bytes]:
    """The best bundle of what there is: at most one of each, at least one in all."""
    if official and wheel:
        return FULL, bundle(wheel[0].detector, task_network(official[0].network))
    if wheel:
        return WHEEL_ONLY, bundle(wheel[0].detector, attention_network(wheel[0].network))
    return OFFICIAL_ONLY, bundle(official[0].detector, task_network(official[0].network))


def _official(path: Path, scratch: Path, on_progress: Progress) -> Parts:
    model, file = FACE_LANDMARKER, path
    if not path.is_file() or sha256_of(path) != model.sha256:
        file = scratch / model.file
        download(
            model.url, file, sha256=model.sha256, most_bytes=model.size, on_progress=on_progress
        )
    with zipfile.ZipFile(file) as archive:
        return Parts(archive.read(DETECTOR), archive.read(NETWORK))


def _wheel(path: Path, scratch: Path, on_progress: Progress) -> Parts:
    wheel = path.parent / WHEEL_FILE
    on_progress(0, 0)
    if wheel.is_file():
        check_wheel(wheel)
    else:
        wheel = fetch_wheel(scratch)
    with zipfile.ZipFile(wheel) as archive:
        return Parts(archive.read(_WHEEL_DETECTOR), archive.read(_WHEEL_NETWORK))
