"""The one place that calls MediaPipe: pictures in, faces with their presence out.

A `FaceFinder` follows the faces of one shot (VIDEO mode: a face found is tracked, and the detector
looks for more as long as fewer than `max_faces` are there), or looks at unrelated stills.
MediaPipe would smooth in time if it were asked for a single face, so two are always allowed:
smoothing is `landmarks.smoothing`'s work, which sees both sides of a frame and does not lag.
"""

import os
import sys
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import mediapipe
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import ModelFileError
from facepipe.inference.landmark_bundle import MARKER, presence_of
from facepipe.landmarks.regions import POINTS


class FaceFinder:
    """Finds up to `max_faces` faces; a context manager that closes MediaPipe's graph."""

    def __init__(self, bundle: Path, max_faces: int, *, moving: bool) -> None:
        """Open the landmarker.

        Args:
            bundle: What `inference.models.ensure_model("face_landmarker", …)` returned.
            max_faces: How many faces to look for.
            moving: True for the frames of one shot, in order; false for unrelated stills.

        Raises:
            ModelFileError: The bundle is missing, unreadable, or not made by facepipe.
        """
        check_bundle(bundle)
        mode: Any = vision.RunningMode.VIDEO if moving else vision.RunningMode.IMAGE
        options: Any = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(bundle)),
            running_mode=mode,
            num_faces=max(2, max_faces),
        )
        self._moving, self._last_ms, self._is_new = moving, -1, True
        try:
            with quiet_stderr():
                self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ModelFileError(
                f"{bundle}: MediaPipe cannot open it ({reason}); delete it and run "
                f"`facepipe models fetch face_landmarker`"
            ) from error

    def find(self, frame_rgb: RgbImage, pts_s: float) -> tuple[FloatArray, FloatArray]:
        """Points `(F, 478, 3)` in pixels (depth in the same unit) and presence `(F,)`, 0 to 1."""
        pixels = np.ascontiguousarray(frame_rgb)
        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)
        if self._is_new:  # the graph's first run logs what it chose
            with quiet_stderr():
                result = self._run(picture, pts_s)
            self._is_new = False
        else:
            result = self._run(picture, pts_s)
        height, width = frame_rgb.shape[:2]
        scale = np.array([width, height, width], np.float32)
        faces = [[(p.x, p.y, p.z) for p in face] for face in result.face_landmarks]
        points, presence = presence_of(np.array(faces, np.float32).reshape(-1, POINTS, 3))
        return points * scale, presence

    def close(self) -> None:
        """Release the graph and its threads."""
        with quiet_stderr():
            self._landmarker.close()

    def __enter__(self) -> "FaceFinder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, picture: Any, pts_s: float) -> Any:
        if not self._moving:
            return self._landmarker.detect(picture)
        self._last_ms = max(self._last_ms + 1, round(pts_s * 1000))  # must rise strictly
        return self._landmarker.detect_for_video(picture, self._last_ms)


def check_bundle(bundle: Path) -> None:
    """Raise `ModelFileError` unless `bundle` is a landmark bundle that carries presence."""
    if not bundle.is_file():
        raise ModelFileError(f"{bundle}: missing; run `facepipe models fetch face_landmarker`")
    try:
        with zipfile.ZipFile(bundle) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise ModelFileError(f"{bundle}: not a landmark bundle ({error})") from error
    if MARKER not in names:
        raise ModelFileError(
            f"{bundle}: this bundle does not carry presence; `facepipe models fetch "
            f"face_landmarker` prepares it"
        )


@contextmanager
def quiet_stderr() -> Generator[None]:
    """Keep what native code logs off the terminal while the block runs."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
