"""Pictures one after the other in a file that every browser plays."""

import io
from collections.abc import Sequence

from PIL import Image

from facepipe.arrays import RgbImage

_QUALITY = 80
_LAST_TIMES = 4  # the end is what one wants to look at


def animated_webp(pictures: Sequence[RgbImage], each_s: float) -> bytes:
    """Pictures `(H, W, 3)` of one size, each shown for `each_s` seconds, over and over."""
    frames = [Image.fromarray(picture) for picture in pictures]
    each_ms = round(1000 * each_s)
    file = io.BytesIO()
    frames[0].save(
        file,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=[*[each_ms] * (len(frames) - 1), _LAST_TIMES * each_ms],
        loop=0,
        quality=_QUALITY,
    )
    return file.getvalue()
