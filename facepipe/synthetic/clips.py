"""Write synthetic clips and stills to disk, the same bytes every time."""

from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, Colorspace, ColorTrc, Interpolation
from av.video.stream import VideoStream

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import SettingsError
from facepipe.files import whole_file, write_whole
from facepipe.synthetic.scene import Clip, render
from facepipe.synthetic.truth import Truth, save_truth

Sound: TypeAlias = Literal["none", "silence", "tone"]
AUDIO_HZ = 48000
TONE_HZ = 440.0
TONE_LEVEL = 0.1
ENCODER_THREADS = 2
"""Fixed, because x264's output depends on it."""
QUALITY = {"preset": "veryfast", "crf": "16", "x264-params": "mbtree=0"}
"""Macroblock trees are off: on some processors they differ from run to run (see media.encode)."""
EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
"""The conversion from RGB that every processor does alike."""


def write_clip(
    clip: Clip, path: Path, *, sound: Sound = "none", truth_path: Path | None = None
) -> None:
    """Render `clip` to an mp4 (H.264, BT.601), whole or not at all.

    Args:
        clip: What to render.
        path: The video.
        sound: An AAC track as long as the picture: none, silent, or a tone of 440 Hz.
        truth_path: Where the ground truth goes, an `.npz` for `truth.load_truth`; nowhere if None.
    """
    truths: list[Truth] = []
    with (
        whole_file(path) as aside,
        av.open(str(aside), "w", container_options={"fflags": "+bitexact"}) as file,
    ):
        picture = _video_stream(file, clip)
        audio = None if sound == "none" else _audio_stream(file)
        for index, (frame_rgb, truth) in enumerate(render(clip)):
            _encode_frame(file, picture, frame_rgb, index)
            if truth_path is not None:
                truths.append(truth)
        file.mux(picture.encode(None))
        if audio is not None:
            _encode_sound(file, audio, clip.frames / clip.fps, TONE_LEVEL * (sound == "tone"))
    if truth_path is not None:
        save_truth(truths, truth_path)


def write_stills(clip: Clip, folder: Path, count: int) -> list[Path]:
    """Write `count` frames, evenly spread over `clip`, as PNG files; returns their paths.

    Raises:
        SettingsError: The clip has fewer frames.
    """
    if not 0 < count <= clip.frames:
        raise SettingsError(f"{count} stills wanted: the clip has 1 to {clip.frames} to give")
    wanted = [int(place) for place in np.linspace(0, clip.frames - 1, count)]
    paths = [folder / f"still_{number:03d}.png" for number in range(count)]
    for path, (frame_rgb, _) in zip(paths, render(clip, wanted), strict=True):
        _, encoded = cv2.imencode(".png", cv2.cvtColor(frame_rgb, cv2.COLOR_RGB2BGR))
        write_whole(path, encoded.tobytes())
    return paths


def _video_stream(file: OutputContainer, clip: Clip) -> VideoStream:
    rate = Fraction(clip.fps).limit_denominator(1001)
    stream = file.add_stream("libx264", rate=rate, options=QUALITY)
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.size, "yuv420p"
    context = stream.codec_context
    context.thread_count = ENCODER_THREADS
    context.time_base = 1 / rate
    context.colorspace = Colorspace.SMPTE170M
    context.color_primaries = ColorPrimaries.SMPTE170M
    context.color_trc = ColorTrc.SMPTE170M
    return stream


def _encode_frame(
    file: OutputContainer, stream: VideoStream, frame_rgb: RgbImage, index: int
) -> None:
    frame = av.VideoFrame.from_ndarray(frame_rgb, "rgb24")
    frame = frame.reformat(format="yuv420p", interpolation=EXACT, threads=1)
    frame.pts = index
    file.mux(stream.encode(frame))


def _audio_stream(file: OutputContainer) -> AudioStream:
    return file.add_stream("aac", rate=AUDIO_HZ, layout="mono")


def _encode_sound(
    file: OutputContainer, stream: AudioStream, duration_s: float, level: float
) -> None:
    time_s = np.arange(round(duration_s * AUDIO_HZ)) / AUDIO_HZ
    wave: FloatArray = (level * np.sin(2 * np.pi * TONE_HZ * time_s)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts = AUDIO_HZ, 0
    file.mux(stream.encode(frame))
    file.mux(stream.encode(None))
