"""Convert between FFmpeg's frames and upright RGB, as the file's colour tags and turn say."""

from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from numpy.typing import NDArray

from facepipe.arrays import RgbImage

UNTAGGED = 2
"""FFmpeg's and ITU-T H.273's number for "unspecified" matrix, primaries and transfer."""
_LIMITED, FULL = 1, 2
"""FFmpeg's numbers for the two ranges of samples."""
HDR_TRANSFERS = (16, 18)
"""H.273's numbers for PQ and HLG."""
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
}
"""The matrices of H.273 that FFmpeg's scaler knows."""
_MATRIX_NAMES = {
    Colorspace.ITU709: "bt709",
    Colorspace.FCC: "fcc",
    Colorspace.ITU601: "bt601",
    Colorspace.SMPTE240M: "smpte240m",
    Colorspace.BT2020: "bt2020",
}
_LUMA_SHARES = {
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.FCC: (0.30, 0.11),
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.BT2020: (0.2627, 0.0593),
}
"""Of red and blue in luminance."""
_HD_FROM_HEIGHT_PX = 577  # players take untagged video above PAL's 576 lines for BT.709
_TRUE_COLOUR = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)
_TRUE_COLOUR_NAMES = "bicubic+full_chroma_int+full_chroma_inp+accurate_rnd+bitexact"
_TONE_MAPPED = (
    "out_primaries=bt709:out_transfer=bt709:out_color_matrix=bt709:out_range=tv:intent=perceptual"
)
# Measured on smooth colour, there and back: 0.4 levels of error and no bias. The scaler's faster
# default repeats chroma and rounds down: 3.3 levels, and one level darker with every trip.
_MEAN = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.BITEXACT


@dataclass(frozen=True)
class ColourTags:
    """What a video says of its colours, in the numbers of ITU-T H.273.

    Attributes:
        matrix: How luminance and chroma make RGB.
        primaries: Which red, green and blue.
        transfer: The tone curve.
        range: 1 limited, 2 full, 0 unsaid (taken for limited).
        conversion: The matrix to compute with, also where `matrix` is unsaid.
    """

    matrix: int = UNTAGGED
    primaries: int = UNTAGGED
    transfer: int = UNTAGGED
    range: int = 0
    conversion: Colorspace = Colorspace.ITU601

    @staticmethod
    def of(picture: VideoFrame) -> "ColourTags":
        """The tags of a decoded frame; a matrix that cannot be computed with counts as unsaid."""
        known = picture.colorspace in _MATRICES
        guessed = Colorspace.ITU709 if picture.height >= _HD_FROM_HEIGHT_PX else Colorspace.ITU601
        return ColourTags(
            matrix=picture.colorspace if known else UNTAGGED,
            primaries=picture.color_primaries,
            transfer=picture.color_trc,
            range=picture.color_range if picture.color_range in {_LIMITED, FULL} else 0,
            conversion=_MATRICES.get(picture.colorspace, guessed),
        )


BT709_TAGS = ColourTags(1, 1, 1, _LIMITED, Colorspace.ITU709)
"""Of what was tone-mapped."""
NO_TAGS = ColourTags()
"""Of a picture: converted as BT.601, tagged as nothing."""


def to_rgb(picture: VideoFrame, turn: NDArray[np.int32], *, quick: bool = False) -> RgbImage:
    """The frame as `(H, W, 3)` RGB, turned as `turn` says.

    Quick colours may be a level or two off.
    """
    rgb = picture.reformat(
        format="rgb24",
        src_colorspace=ColourTags.of(picture).conversion,
        interpolation=Interpolation.BILINEAR if quick else _TRUE_COLOUR,
        threads=1,
    )
    return np.ascontiguousarray(upright(_pixels(rgb), turn))


class YuvConverter:
    """Turns RGB pictures of one size into 4:2:0 frames in the colours of `tags`.

    Chroma is sited at the left of each pair of pixels, where H.264 readers look for it; plain
    `reformat` centres it, which moves colours half a pixel with every generation.
    """

    def __init__(self, size_wh: tuple[int, int], tags: ColourTags) -> None:
        self._graph = _scaling(size_wh, "rgb24", _out_of(tags), "yuv420p")

    def convert(self, frame_rgb: RgbImage) -> VideoFrame:
        """The `(H, W, 3)` picture, both sides even, as a frame without a time."""
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(frame_rgb), format="rgb24")
        return _passed(self._graph, picture)


class SampleConverter:
    """Turns frames like `picture` into samples of another layout, in the same colours."""

    def __init__(
        self, picture: VideoFrame, size_wh: tuple[int, int], layout: str, tags: ColourTags
    ) -> None:
        wh, name = (picture.width, picture.height), picture.format.name
        resized = f"{size_wh[0]}:{size_wh[1]}:{_out_of(tags)}"
        source = (
            "" if picture.format.is_rgb else f":in_color_matrix={_MATRIX_NAMES[tags.conversion]}"
        )
        self._graph = _scaling(wh, name, resized + source, layout)

    def convert(self, picture: VideoFrame) -> VideoFrame:
        """The frame without its time."""
        return _passed(self._graph, picture)


class ToneMapper:
    """Turns frames of high dynamic range (PQ, HLG) into 8-bit BT.709 as a screen of today shows.

    The whole range is rendered into the smaller one, colours beyond BT.709 as near as they come.
    """

    def __init__(self) -> None:
        self._graphs: dict[tuple[int, int, str], Graph] = {}

    def convert(self, picture: VideoFrame) -> VideoFrame:
        """The frame without its time; one without high dynamic range as it is."""
        if picture.color_trc not in HDR_TRANSFERS:
            return picture
        key = (picture.width, picture.height, picture.format.name)
        if key not in self._graphs:
            self._graphs[key] = _scaling(key[:2], key[2], _TONE_MAPPED, "yuv420p")
        return _passed(self._graphs[key], picture)


def rgb_to_yuv(tags: ColourTags, bits: int) -> NDArray[np.float32]:
    """`(3, 3)` from a change of 8-bit RGB to one of Y, Cb, Cr, in samples of so many bits."""
    red, blue = _LUMA_SHARES[tags.conversion]
    luma = np.array([red, 1 - red - blue, blue])
    chroma = [(np.eye(3)[place] - luma) / (2 - 2 * luma[place]) for place in (2, 0)]
    whole = 2**bits - 1
    spans = (whole, whole) if tags.range == FULL else (219 << (bits - 8), 224 << (bits - 8))
    rows = [luma * spans[0], chroma[0] * spans[1], chroma[1] * spans[1]]
    return (np.stack(rows) / 255).astype(np.float32)


def _out_of(tags: ColourTags) -> str:
    return (
        f"out_color_matrix={_MATRIX_NAMES[tags.conversion]}"
        f":out_range={'pc' if tags.range == FULL else 'tv'}"
        f":out_chroma_loc=left:flags={_TRUE_COLOUR_NAMES}"
    )


def _scaling(size_wh: tuple[int, int], layout: str, how: str, into: str) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=size_wh[0], height=size_wh[1], format=VideoFormat(layout), time_base=Fraction(1, 25)
    )
    steps = [
        source,
        graph.add("scale", how),
        graph.add("format", f"pix_fmts={into}"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*steps).configure()
    return graph


def _passed(graph: Graph, picture: VideoFrame) -> VideoFrame:
    picture.pts = 0
    graph.push(picture)
    return cast(VideoFrame, graph.pull())


def to_luminance(picture: VideoFrame, width: int, height: int) -> NDArray[np.uint8]:
    """The frame's luminance `(height, width)`, 0-255, area-averaged, not turned upright."""
    grey = picture.reformat(width, height, "gray", interpolation=_MEAN, threads=1)
    return _pixels(grey)


def display_matrix(picture: VideoFrame) -> NDArray[np.int32]:
    """`(2, 2)` how stored x and y become shown x and y, y down: quarter turns and mirrors."""
    side = cast("SideData | None", picture.side_data.get("DISPLAYMATRIX"))
    if side is None:
        return np.eye(2, dtype=np.int32)
    a, b, _, c, d = np.frombuffer(bytes(side), np.int32)[:5]
    return np.sign(np.array([[a, c], [b, d]], np.int32))


def upright(picture: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """A `(H, W, ...)` picture as its display matrix wants it shown."""
    if matrix[0, 0] == 0:
        picture, matrix = picture.swapaxes(0, 1), matrix[:, ::-1]
    return picture[:: int(matrix[1, 1]) or 1, :: int(matrix[0, 0]) or 1]


def as_stored(picture: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """A shown `(H, W, ...)` picture turned back: `upright` undone."""
    sideways = matrix[0, 0] == 0
    flips = matrix[:, ::-1] if sideways else matrix
    picture = picture[:: int(flips[1, 1]) or 1, :: int(flips[0, 0]) or 1]
    return picture.swapaxes(0, 1) if sideways else picture


def _pixels(picture: VideoFrame) -> NDArray[np.uint8]:
    return np.asarray(picture.to_ndarray(), np.uint8)
