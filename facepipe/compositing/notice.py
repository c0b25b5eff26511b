"""A line of text in a corner of a picture, to be read whatever is behind it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facepipe.arrays import FloatArray, RgbImage
from facepipe.errors import BadInputError, SettingsError

LONGEST = 80
"""Characters of a text, at most."""
_HEIGHT_SHARE = 1 / 20
_WIDTH_SHARE = 0.9
_LEAST_PX = 7.0
_EDGE_SHARE = 1 / 8


def check_notice(text: str) -> None:
    """Pass silently if a text can be drawn; none at all can.

    Raises:
        SettingsError: It is too long, or holds what the font has no sign for.
    """
    if len(text) > LONGEST:
        raise SettingsError(
            f"disclosure has {len(text)} characters: it must have at most {LONGEST}"
        )
    unknown = _shape_of("\uffff")
    missing = [sign for sign in text if not sign.isprintable() or _shape_of(sign) == unknown]
    if missing or text != text.strip():
        what = f"holds {missing[0]!r}" if missing else "begins or ends with a space"
        raise SettingsError(
            f"disclosure {what}: it must be one line of English letters, digits and signs"
        )


def _shape_of(sign: str) -> bytes:
    """What a sign looks like; those that the font does not know look all alike."""
    canvas = Image.new("L", (32, 32))
    ImageDraw.Draw(canvas).text((4, 4), sign, fill=255, font=_font(16.0))
    return canvas.tobytes()


@dataclass(frozen=True, eq=False)
class _Stamp:
    """What is drawn at the lower right: rows and columns from the end, edge and letters, 0 to 1."""

    top: int
    left: int
    edge: FloatArray
    letters: FloatArray


class Notice:
    """White letters with a dark edge, at the lower right of each picture; no text draws nothing.

    They are a twentieth of the picture's height, and smaller where the line would not fit.
    """

    def __init__(self, text: str) -> None:
        check_notice(text)
        self._text = text
        self._stamps: dict[tuple[int, int], _Stamp] = {}

    def on(self, picture_rgb: RgbImage) -> RgbImage:
        """`(H, W, 3)` the picture with the text; without one the same object.

        Raises:
            BadInputError: The picture is too small for the text.
        """
        if not self._text:
            return picture_rgb
        size_wh = (picture_rgb.shape[1], picture_rgb.shape[0])
        if size_wh not in self._stamps:
            self._stamps[size_wh] = self._stamp(size_wh)
        stamp, shown = self._stamps[size_wh], picture_rgb.copy()
        height, width = stamp.letters.shape
        place = np.s_[stamp.top : stamp.top + height, stamp.left : stamp.left + width]
        behind = shown[place] * (1 - stamp.edge[..., None])
        shown[place] = np.rint(behind + (255 - behind) * stamp.letters[..., None])
        return shown

    def _stamp(self, size_wh: tuple[int, int]) -> _Stamp:
        size_px = size_wh[1] * _HEIGHT_SHARE
        size_px *= min(1.0, _WIDTH_SHARE * size_wh[0] / _font(size_px).getlength(self._text))
        if size_px < _LEAST_PX:
            raise BadInputError(
                f"disclosure {self._text!r} cannot be read on {size_wh[0]} x {size_wh[1]} px: "
                f"it must be shorter, or the target larger"
            )
        font, edge_px = _font(size_px), max(1, round(size_px * _EDGE_SHARE))
        left, top, right, bottom = font.getbbox(self._text, stroke_width=edge_px)
        box_wh = (round(right - left), round(bottom - top))
        letters, edge = (
            _drawn(self._text, font, box_wh, (-left, -top), around) for around in (0, edge_px)
        )
        gap_px = round(size_px / 2)
        return _Stamp(
            max(size_wh[1] - box_wh[1] - gap_px, 0),
            max(size_wh[0] - box_wh[0] - gap_px, 0),
            edge,
            letters,
        )


def _drawn(
    text: str,
    font: ImageFont.FreeTypeFont,
    box_wh: tuple[int, int],
    origin: tuple[float, float],
    around_px: int,
) -> FloatArray:
    """`(H, W)` how much of each pixel the letters cover, made wider by so much on all sides."""
    canvas = Image.new("L", box_wh)
    ImageDraw.Draw(canvas).text(origin, text, fill=255, font=font, stroke_width=around_px)
    return np.asarray(canvas, np.float32) / np.float32(255)


def _font(size_px: float) -> ImageFont.FreeTypeFont:
    """Pillow's own font, which is the same everywhere and knows ASCII."""
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise BadInputError("disclosure: Pillow was built without FreeType; install its wheel")
    return font
