"""What is measured, and against whom."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np

from facepipe.inference.models import ensure_model
from facepipe_tests.benchmarks.material import RATE, looped, scaled, write_1080p
from facepipe_tests.benchmarks.people import (
    exported_model,
    face_set,
    insightface_seconds,
    swap_seconds,
)
from facepipe_tests.benchmarks.rows import Row
from facepipe_tests.benchmarks.swaps import memory_row, swap_rows
from facepipe_tests.benchmarks.unchanged import made_pair, run_empty

FRAMES = 100


def all_rows(folder: Path, *, long: bool) -> Iterator[Row]:
    """Measure one thing after the other."""
    clip = write_1080p(folder / "clip.mp4", FRAMES)
    yield definitions()
    yield unchanged(folder)
    yield extraction(clip, folder)
    yield mesh_swap(clip, folder)
    yield from swapping(clip, folder)
    smaller = scaled(clip, folder / "clip720.mp4", (1280, 720))
    bundle = ensure_model("face_landmarker", folder / "models")
    yield from swap_rows({720: smaller, 1080: clip}, exported_model(folder), bundle, folder)
    from facepipe_tests.benchmarks.training import training_rows

    yield from training_rows(folder / "training")
    if long:
        yield memory(clip, folder)
        ten_minutes = round(600 * RATE / FRAMES)
        yield memory_row(clip, exported_model(folder), bundle, folder / "swaps", ten_minutes)


def best_of(work: Callable[[], object], times: int = 3) -> float:
    """The shortest of some runs, in seconds: what the work takes when nothing else runs."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def definitions() -> Row:
    """Loading all definitions in a fresh process, beside importing Dagster alone."""
    ours = best_of(lambda: _python("import facepipe.definitions as d; d.defs()"))
    peer = best_of(lambda: _python("import dagster"))
    return Row("definitions load", f"{ours:.2f} s", f"import dagster {peer:.2f} s", ours, 3.0)


def unchanged(folder: Path) -> Row:
    """`facepipe run` with nothing to do, from the shell, beside as many empty Dagster assets."""
    pair = made_pair(folder / "pair")
    ours = best_of(lambda: pair.run("run", "ada", "ben"))
    peer = best_of(lambda: run_empty(folder / "empty"))
    return Row("unchanged run", f"{ours:.1f} s", f"17 empty assets {peer:.1f} s", ours, 10.0)


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def extraction(clip: Path, folder: Path) -> Row:
    """Landmarks of a 1080p clip, beside a bare loop of PyAV decoding and MediaPipe."""
    from facepipe.landmarks.detection import Clips, detect_to_file
    from facepipe.landmarks.settings import DetectionSettings

    bundle = ensure_model("face_landmarker", folder / "models")
    clips = Clips(clip.parent, [clip])
    settings = DetectionSettings()
    ours = best_of(lambda: detect_to_file(clips, bundle, folder / "l.npz", settings))
    peer = best_of(lambda: _bare_loop(clip, bundle, settings.max_faces))
    per_frame = [f"{1000 * seconds / FRAMES:.1f} ms/frame" for seconds in (ours, peer)]
    return Row(
        "landmark extraction, 1080p", per_frame[0], f"bare loop {per_frame[1]}", ours / peer, 1.15
    )


def _bare_loop(clip: Path, bundle: Path, faces: int) -> None:
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(bundle)),
        running_mode=vision.RunningMode.VIDEO,
        num_faces=faces,
    )
    with (
        vision.FaceLandmarker.create_from_options(options) as landmarker,
        av.open(str(clip)) as file,
    ):
        for frame in file.decode(video=0):
            image = mp.Image(
                image_format=mp.ImageFormat.SRGB, data=frame.to_ndarray(format="rgb24")
            )
            landmarker.detect_for_video(image, int(frame.time * 1000))


def mesh_swap(clip: Path, folder: Path) -> Row:
    """One mesh swap at 128 px on one core, over faces that are not among the stored ones."""
    from facepipe.compositing.teacher import MeshTeacher
    from facepipe.landmarks.alignment import apply_transform, cut, network_from_face

    faces, transform = face_set(clip, folder), network_from_face()
    arrays = {name: value for name, value in vars(faces).items() if name != "sources"}
    teacher = MeshTeacher(replace(faces, **{name: value[::2] for name, value in arrays.items()}))
    others = [
        (cut(rgb, transform, 128), apply_transform(transform, points))
        for rgb, points in zip(faces.crops_rgb[1::2], faces.points_px[1::2], strict=True)
    ]
    cv2.setNumThreads(1)
    ms = 1000 * best_of(lambda: [teacher.swap(*other) for other in others], 5) / len(others)
    cv2.setNumThreads(-1)
    return Row("mesh swap, 128 px, one core", f"{ms:.2f} ms", "", ms, 5.0)


def swapping(clip: Path, folder: Path) -> Iterator[Row]:
    """What a swap costs over its ONNX call per 1080p frame, beside InsightFace's paste-back."""
    model = exported_model(folder)
    ours, network = swap_seconds(clip, model, folder)
    peer = insightface_seconds(clip, model, folder) - network
    over = 1000 * (ours - network) / FRAMES
    yield Row(
        "swap over the ONNX call, 1080p",
        f"{over:.1f} ms/frame",
        f"INSwapper.get {1000 * peer / FRAMES:.1f} ms/frame",
        over,
        25.0,
    )


PEAK = """
import re, sys
from pathlib import Path
from facepipe.landmarks.detection import Clips, detect_to_file
from facepipe.media.frames import extract, select, survey
from facepipe.media.settings import FramesSettings
clip, bundle, out = map(Path, sys.argv[1:])
table = survey(clip.parent, [clip])
extract(clip.parent, select(table, FramesSettings()), out)
detect_to_file(Clips(clip.parent, [clip], table), bundle, out / "landmarks.npz")
# ru_maxrss would be at least what the process that started this one took
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def memory(clip: Path, folder: Path) -> Row:
    """Peak memory of extraction on ten minutes, beside one minute."""
    seconds = FRAMES / 25
    bundle = folder / "models" / "face_landmarker.task"
    peaks = []
    for minutes in (10, 1):
        place = folder / f"{minutes}min"
        place.mkdir()
        long = looped(clip, place / "clip.mp4", round(60 * minutes / seconds))
        command = [sys.executable, "-c", PEAK, long, bundle, folder / f"out{minutes}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout) / 1024)
    return Row(
        "peak memory of extraction, 1080p",
        f"10 min: {peaks[0]:.0f} MiB",
        f"1 min: {peaks[1]:.0f} MiB",
        float(np.divide(*peaks)),
        1.2,
    )
