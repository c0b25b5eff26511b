"""What a swap costs, beside InsightFace's own with the same ONNX file, and what its stages cost."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from facepipe.landmarks.regions import five_points
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.canvas import Canvas
from facepipe.media.segments import SegmentWriter
from facepipe.swapping.casting import Part, cast
from facepipe.swapping.film import Film, film_of
from facepipe.swapping.fitting import Fitter
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.swapper import OnnxSwapper
from facepipe.swapping.takes import Take, swapped_frames
from facepipe.swapping.video import swap_video
from facepipe_tests.benchmarks.material import looped
from facepipe_tests.benchmarks.people import unit_embedding
from facepipe_tests.benchmarks.rows import Row

SETTINGS = SwapSettings(preset="veryfast", crf=20)


@dataclass(frozen=True)
class Cost:
    """Seconds of the clock, and of all cores together."""

    wall: float
    cpu: float

    def per_frame(self, frames: int) -> str:
        """As text."""
        return f"{1000 * self.wall / frames:.0f} ms ({1000 * self.cpu / frames:.0f} CPU) a frame"


def cost_of(work: Callable[[], object]) -> Cost:
    """What a piece of work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


@dataclass(frozen=True, eq=False)
class Stage:
    """A clip, where its faces are, and the model that draws them."""

    clip: Path
    landmarks: Landmarks
    model: Path

    @property
    def film(self) -> Film:
        """To be swapped."""
        return film_of([self.clip], self.landmarks)

    @property
    def take(self) -> Take:
        """Every face becomes one person's."""
        tracks = {int(track) for track in np.unique(self.landmarks.track_id) if track >= 0}
        swapper = OnnxSwapper(self.model, unit_embedding(), "cpu")
        return Take(self.film, [Part("ada", frozenset(tracks))], {"ada": swapper})


def staged(clip: Path, model: Path, bundle: Path) -> Stage:
    """A clip with its landmarks."""
    from facepipe.landmarks.detection import detect

    return Stage(clip, detect(clip.parent, [clip], bundle), model)


def end_to_end(stage: Stage, folder: Path, height: int) -> Row:
    """From file to file, landmarks given, beside PyAV and `INSwapper.get` frame by frame."""
    frames = len(stage.landmarks.frame_index)
    take = stage.take
    peer_swap = _insightface(stage, folder / "peer.mp4")
    ours = cost_of(lambda: swap_video(take, folder / "ours" / "out.mp4", SETTINGS))
    peer = cost_of(peer_swap)
    what = f"swap from file to file, {height}p"
    told = f"PyAV and INSwapper.get {peer.per_frame(frames)}"
    return Row(what, ours.per_frame(frames), told, ours.wall / peer.wall, 0.5)


def overlap(stage: Stage, folder: Path) -> Row:
    """The time of the clock for all stages together, beside the slowest of them alone."""
    take, parts = stage.take, {}
    casting = cast(take.film.landmarks, take.parts, SETTINGS)
    canvas = Canvas(take.film.info)
    frames = []
    parts["decode"] = cost_of(lambda: frames.extend(take.film.frames()))
    shown = []
    parts["draw and fit"] = cost_of(
        lambda: shown.extend(swapped_frames(take, SETTINGS, iter(frames)))
    )
    fitter = Fitter(casting, SETTINGS, take.occlusions)

    def fit() -> None:
        for one in shown:
            for spot, place in one.drawn.places.items():
                fitter.fit(one.frame, spot, place, one.drawn.squares[spot])

    parts["fit"] = cost_of(fit)
    draw = parts.pop("draw and fit")
    parts["draw"] = Cost(draw.wall - parts["fit"].wall, draw.cpu - parts["fit"].cpu)

    def encode() -> None:
        with SegmentWriter(folder / "alone.nut", canvas.form, SETTINGS.encoding()) as writer:
            for one in shown:
                writer.write(canvas.picture(one.frame, one.rgb), one.frame.pts)

    parts["encode"] = cost_of(encode)
    frames.clear()
    shown.clear()
    whole = cost_of(lambda: swap_video(take, folder / "all" / "out.mp4", SETTINGS))
    count = len(stage.landmarks.frame_index)
    name, slowest = max(parts.items(), key=lambda part: part[1].wall)
    told = ", ".join(f"{key} {1000 * one.wall / count:.0f}" for key, one in parts.items())
    return Row(
        "all stages over the slowest, 1080p",
        whole.per_frame(count),
        f"{name} {slowest.per_frame(count)} (ms alone: {told})",
        whole.wall / slowest.wall,
        1.15,
    )


def _insightface(stage: Stage, out: Path) -> Callable[[], None]:
    from insightface.app.common import Face
    from insightface.model_zoo import get_model

    swapper = get_model(str(stage.model), providers=["CPUExecutionProvider"])
    source = Face(embedding=unit_embedding())
    kps = five_points(stage.landmarks.points_px[:, 0])

    def swap() -> None:
        with av.open(str(out), "w") as file:
            options = {"crf": str(SETTINGS.crf), "preset": SETTINGS.preset}
            stream = file.add_stream("libx264", rate=25, options=options)
            stream.width, stream.height = stage.landmarks.size_wh[0].tolist()
            stream.pix_fmt = "yuv420p"
            for bgr, points in zip(_bgr(stage.clip), kps, strict=True):
                drawn = swapper.get(bgr, Face(kps=points), source, paste_back=True)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(drawn, "bgr24")))
            file.mux(stream.encode())

    return swap


def _bgr(clip: Path) -> Iterator[np.ndarray]:
    with av.open(str(clip)) as file:
        for picture in file.decode(video=0):
            yield picture.to_ndarray(format="bgr24")


def swap_rows(clips: dict[int, Path], model: Path, bundle: Path, folder: Path) -> Iterator[Row]:
    """All of them; clips by height."""
    for height, clip in clips.items():
        stage = staged(clip, model, bundle)
        yield end_to_end(stage, folder / str(height), height)
        if height == max(clips):
            yield overlap(stage, folder / "overlap")


def memory_row(clip: Path, model: Path, bundle: Path, folder: Path, times: int) -> Row:
    """Peak memory of swapping a clip so many times over, beside swapping a tenth of that."""
    peaks: list[float] = []
    for count in (times, times // 10):
        place = folder / f"{count}_times"
        place.mkdir(parents=True)
        long = looped(clip, place / "clip.mp4", count)
        command = [sys.executable, "-m", __spec__.name, long, model, bundle, place / "out.mp4"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks.append(int(done.stdout.split()[-1]) / 1024)
    return Row(
        "peak memory of a swap, 1080p",
        f"{times} times the clip: {peaks[0]:.0f} MiB",
        f"{times // 10} times: {peaks[1]:.0f} MiB",
        peaks[0] / peaks[1],
        1.2,
    )


def main(clip: Path, model: Path, bundle: Path, out: Path) -> None:
    """Swap, and print how many KiB this process took at most."""
    swap_video(staged(clip, model, bundle).take, out, SETTINGS)
    # ru_maxrss would be at least what the process that started this one took
    sys.stdout.write(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
