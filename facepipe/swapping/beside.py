"""What is written beside a swapped video for those who look: a preview, and single pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from facepipe.arrays import RgbImage
from facepipe.errors import StoppedError
from facepipe.landmarks.ahead import ahead
from facepipe.landmarks.tracks import Landmarks
from facepipe.media.colour import BT709_TAGS, HDR_TRANSFERS
from facepipe.media.decode import decode
from facepipe.media.encode import VideoWriter
from facepipe.media.png import save_png
from facepipe.media.probe import probe
from facepipe.media.settings import EncodeSettings
from facepipe.swapping.film import Film, film_of
from facepipe.swapping.settings import SwapSettings
from facepipe.swapping.takes import Take, swapped_frames

HEIGHT_PX = 360
"""Height of the preview, at most."""
PREVIEW, PICTURES = "side_by_side.mp4", "pictures"
_PREVIEW_ENCODING = EncodeSettings(crf=24, preset="veryfast")


def write_preview(
    film: Film, swapped: Path, out: Path, stop: Callable[[], bool] = lambda: False
) -> None:
    """Write an MP4 that shows each frame of a film at the left and that of the swap at the right.

    It has the swap's sound and times, and 8 bits; high dynamic range is tone-mapped.

    Raises:
        StoppedError: `stop` said so; nothing is written.
    """
    info = probe(swapped)
    scale = min(1.0, HEIGHT_PX / info.height)
    size_wh = (2 * round(scale * info.width / 2), 2 * round(scale * info.height / 2))
    colours = BT709_TAGS if info.colours.transfer in HDR_TRANSFERS else info.colours
    info = replace(info, width=2 * size_wh[0], height=size_wh[1], colours=colours)
    before = replace(film, cut=replace(film.cut, tone_map=True)).frames()
    after = ahead(decode(swapped, tone_map=True))
    with VideoWriter(out, info, _PREVIEW_ENCODING) as writer:
        for left, right in zip(before, after, strict=True):
            if stop():
                raise StoppedError(
                    f"stopped at frame {right.index + 1} of {out.name}; run again to write it anew"
                )
            halves = [_small(frame.rgb, size_wh) for frame in (left, right)]
            writer.write(np.concatenate(halves, axis=1), right.pts)


def write_pictures(take: Take, landmarks: Landmarks, settings: SwapSettings, out: Path) -> None:
    """Write each picture of a take, swapped, in its own size: `out/<name>.png`.

    Args:
        take: of a film made of pictures.
        landmarks: of the pictures, each in its own pixels.
        settings: of the swap.
        out: the folder.
    """
    for path in take.film.paths:
        film = film_of([path], landmarks)
        for shown in swapped_frames(replace(take, film=film), settings, film.frames()):
            save_png(out / f"{path.stem}.png", shown.rgb)


def _small(picture_rgb: RgbImage, size_wh: tuple[int, int]) -> RgbImage:
    if picture_rgb.shape[1::-1] != size_wh:
        picture_rgb = np.asarray(
            cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8
        )
    return picture_rgb
