"""Which encoders there are, and how each is told what to keep."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from facepipe.errors import SettingsError
from facepipe.media.colour import NO_TAGS, ColourTags
from facepipe.media.probe import UPRIGHT, MediaInfo, Turn
from facepipe.media.settings import ENCODERS, PRESETS, EncodeSettings

_THREADS = 4  # the bytes of x264 and x265 depend on how many threads share a frame
# Macroblock-tree rate control is off, because x264's AVX-512 code for it gives other bytes from run
# to run (measured: 14 results of 16 runs at 448x270; off, one result on any instruction set). The
# price is a file a quarter larger at the same quality.
_X264 = "mbtree=0"
_X265 = f"log-level=none:pools={_THREADS}:frame-threads=1"
_STILL_RATE = Fraction(25)
_TRIAL_WH = (320, 240)  # hardware refuses smaller pictures


@dataclass(frozen=True)
class Format:
    """What an encoder is given: pictures of this form, in these units.

    Attributes:
        width: As stored, in pixels; even.
        height: As stored, in pixels; even.
        bits: Per sample, 8 or 10; the samples are 4:2:0.
        time_base: The unit of times, in seconds.
        rate: Mean frames per second.
        turn: How the stored picture is to be shown.
        pixel_aspect: Shown width of a stored pixel over its height.
        colours: What the samples mean.
    """

    width: int
    height: int
    bits: int = 8
    time_base: Fraction = Fraction(1, 25)
    rate: Fraction = _STILL_RATE
    turn: Turn = UPRIGHT
    pixel_aspect: Fraction = Fraction(1)
    colours: ColourTags = NO_TAGS

    @property
    def pix_fmt(self) -> str:
        """FFmpeg's name of the samples' layout."""
        return "yuv420p" if self.bits == 8 else "yuv420p10le"


def upright_format(info: MediaInfo) -> Format:
    """The 8-bit form in which pictures are stored as they are shown."""
    return Format(
        width=info.width + info.width % 2,
        height=info.height + info.height % 2,
        time_base=info.time_base,
        rate=info.frame_rate or _STILL_RATE,
        pixel_aspect=info.pixel_aspect,
        colours=info.colours,
    )


def stored_format(info: MediaInfo) -> Format:
    """The form of a video's own samples: unturned, with 10 bits where it has more than 8.

    Args:
        info: Of a video with even sides.
    """
    sideways = info.turn[0] == 0
    return replace(
        upright_format(info),
        width=info.height if sideways else info.width,
        height=info.width if sideways else info.height,
        bits=8 if info.bits <= 8 else 10,
        turn=info.turn,
        pixel_aspect=1 / info.pixel_aspect if sideways else info.pixel_aspect,
    )


def encoder_name(form: Format, settings: EncodeSettings) -> str:
    """The encoder that `auto` stands for: what plays everywhere for 8 bits, HEVC for 10."""
    if settings.encoder != "auto":
        return settings.encoder
    return "libx264" if form.bits == 8 else "libx265"


def check_encoder(form: Format, settings: EncodeSettings) -> None:
    """Open the encoder once, so that its absence is known before any work is done.

    Raises:
        SettingsError: It is not there, or takes no pictures of this form.
    """
    name = encoder_name(form, settings)
    if _opens(name, form, settings):
        return
    usable = [one for one in ENCODERS[1:] if _opens(one, form, settings)]
    raise SettingsError(
        f"encoder {name} is not available here for {form.bits}-bit video; "
        f"available are {', '.join(usable)}"
    )


def add_video(output: OutputContainer, form: Format, settings: EncodeSettings) -> VideoStream:
    """A stream to encode pictures of this form into."""
    name = encoder_name(form, settings)
    options = {**_options(name, settings), "flags": "+bitexact+frame_duration"}
    stream = cast(VideoStream, output.add_stream(name, rate=form.rate, options=options))
    _shape(stream.codec_context, form, (form.width, form.height))
    return stream


def _opens(name: str, form: Format, settings: EncodeSettings) -> bool:
    try:
        context = cast(VideoCodecContext, CodecContext.create(name, "w"))
        context.options = _options(name, settings)
        _shape(context, form, _TRIAL_WH)
        context.open()
    except (UnknownCodecError, FFmpegError, OSError, ValueError):
        return False
    return True


def _shape(context: VideoCodecContext, form: Format, size_wh: tuple[int, int]) -> None:
    context.width, context.height = size_wh
    context.pix_fmt = form.pix_fmt
    context.thread_count = _THREADS
    context.time_base, context.framerate = form.time_base, form.rate
    context.colorspace, context.color_range = form.colours.matrix, form.colours.range
    context.color_primaries = form.colours.primaries
    context.color_trc = form.colours.transfer
    if form.pixel_aspect != 1:
        context.sample_aspect_ratio = form.pixel_aspect


def _options(name: str, settings: EncodeSettings) -> dict[str, str]:
    quality = str(settings.crf)
    if name.endswith("_nvenc"):
        place = PRESETS.index(settings.preset) * 7 // len(PRESETS) + 1
        return {"rc": "vbr", "cq": quality, "b": "0", "preset": f"p{place}"}
    params = {"libx264": ("x264-params", _X264), "libx265": ("x265-params", _X265)}[name]
    return {"crf": quality, "preset": settings.preset, params[0]: params[1]}
