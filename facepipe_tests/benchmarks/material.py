"""Clips to measure on: a synthetic person in a 1080p frame, looped to any length."""

from pathlib import Path

import av
import cv2
import numpy as np

from facepipe.synthetic.scene import Clip, render

SIZE_WH = (1920, 1080)
RATE = 25


def write_1080p(path: Path, frames: int = 100) -> Path:
    """A talking head of about 400 px in a 1080p frame over a fixed, busy background."""
    back = cv2.resize(np.random.default_rng(5).integers(40, 200, (54, 96, 3), np.uint8), SIZE_WH)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20", "g": "50"})
        stream.width, stream.height, stream.pix_fmt = *SIZE_WH, "yuv420p"
        for rgb, _ in render(Clip(seeds=(6,), size=360, frames=frames, fps=float(RATE))):
            head = cv2.resize(rgb, (1080, 1080), interpolation=cv2.INTER_CUBIC)
            back[:, 420:1500] = head
            container.mux(stream.encode(av.VideoFrame.from_ndarray(back, "rgb24")))
        container.mux(stream.encode(None))
    return path


def scaled(source: Path, path: Path, size_wh: tuple[int, int]) -> Path:
    """The same clip in another size."""
    with av.open(str(source)) as file, av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"crf": "20", "g": "50"})
        stream.width, stream.height, stream.pix_fmt = *size_wh, "yuv420p"
        for picture in file.decode(video=0):
            out.mux(stream.encode(picture.reformat(*size_wh)))
        out.mux(stream.encode(None))
    return path


def looped(source: Path, path: Path, times: int) -> Path:
    """The same packets `times` times over, with times that go on: a long clip in a second."""
    with av.open(str(path), "w") as out:
        shift, stream = 0, None
        for _ in range(times):
            with av.open(str(source)) as container:
                video = container.streams.video[0]
                stream = stream or out.add_stream_from_template(video)
                packets = [packet for packet in container.demux(video) if packet.size]
                for packet in packets:
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                shift += sum(packet.duration for packet in packets)
                for packet in packets:
                    out.mux(packet)
    return path
