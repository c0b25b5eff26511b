"""Set segments of video and a sound together in one MP4, without encoding anything anew."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from facepipe.errors import MediaError
from facepipe.files import whole_file
from facepipe.media.encoders import Format, add_video
from facepipe.media.segments import abandon, encoding, lead
from facepipe.media.settings import EncodeSettings
from facepipe.media.sound import Sound, SoundCopy


def join(
    segments: Sequence[Path],
    out: Path,
    form: Format,
    settings: EncodeSettings,
    sound: Sound | None = None,
) -> None:
    """Write one MP4 of segments that follow each other, and of sound.

    Args:
        segments: Files of `SegmentWriter`, in the order of time.
        out: The MP4, whole or not at all.
        form: As of the segments.
        settings: As of the segments.
        sound: What is heard.

    Raises:
        MediaError: A segment was encoded otherwise, or the sound cannot be stored.
        StorageError: The disk is full or the folder may not be written to.
    """
    with ExitStack() as opening:
        opening.enter_context(encoding(out))
        aside = opening.enter_context(whole_file(out))
        output = opening.enter_context(_mp4(aside, form))
        video = add_video(output, form, settings)
        if video.codec_context.codec.canonical_name == "hevc":
            video.codec_context.codec_tag = "hvc1"  # Apple's players know no other name for it
        if form.turn != (1, 0, 0, 1):
            video.set_display_matrix(_display_matrix(form))
        heard = opening.enter_context(SoundCopy(output, sound))
        output.start_encoding()
        for packet, until_s in _timed(segments, video, form):
            heard.copy_until(until_s)
            output.mux(packet)
        heard.copy_until(float("inf"))


def _timed(
    segments: Sequence[Path], video: VideoStream, form: Format
) -> "Iterator[tuple[Packet[VideoStream], float]]":
    """Every packet with its decoding time, which depends on all segments; and the time it needs.

    A packet is decoded when as many pictures must be shown as came before it, less those that wait
    for a later one: so times grow, and no picture is shown before it is decoded.
    """
    order = _Order.of(segments, form)
    place = 0
    for path in segments:
        with av.open(str(path.absolute())) as file:
            stream = file.streams.video[0]
            if stream.codec_context.extradata != video.codec_context.extradata:
                raise MediaError(f"{path}: was encoded with other settings; delete it")
            for packet in _packets(file):
                pts = _pts(packet, form)
                packet.stream, packet.time_base = video, form.time_base
                packet.pts, packet.dts = pts, order.decoded_at(place)
                packet.duration = order.lasting(pts)
                yield packet, float(pts * form.time_base)
                place += 1


@dataclass(frozen=True)
class _Order:
    """Times of all pictures, `shown` in order; `delay` of them wait at most; where each is."""

    shown: list[int]
    delay: int
    place: dict[int, int]

    @staticmethod
    def of(segments: Sequence[Path], form: Format) -> "_Order":
        decoded: list[int] = []
        for path in segments:
            with av.open(str(path.absolute())) as file:
                decoded += [_pts(packet, form) for packet in _packets(file)]
        shown = sorted(decoded)
        place = {pts: index for index, pts in enumerate(shown)}
        delay = max(index - place[pts] for index, pts in enumerate(decoded))
        return _Order(shown, delay, place)

    def decoded_at(self, index: int) -> int:
        if index >= self.delay:
            return self.shown[index - self.delay]
        return self.shown[index] - (self.shown[self.delay] - self.shown[0])

    def lasting(self, pts: int) -> int:
        here = self.place[pts]
        first = min(here, max(len(self.shown) - 2, 0))
        pair = self.shown[first : first + 2]
        return pair[-1] - pair[0]


def _packets(file: InputContainer) -> "Iterator[Packet[VideoStream]]":
    for packet in file.demux(file.streams.video[0]):
        if packet.size:
            yield packet


def _pts(packet: "Packet[VideoStream]", form: Format) -> int:
    """In the form's time base; NUT may count in a part of it."""
    return round((packet.pts or 0) * packet.time_base / form.time_base) - lead(form)


@contextmanager
def _mp4(path: Path, form: Format) -> Generator[OutputContainer]:
    options = {
        "movflags": "+faststart",
        "fflags": "+bitexact",
        "video_track_timescale": str(form.time_base.denominator),
        "movie_timescale": str(form.time_base.denominator),  # or the start is rounded to 1/1000 s
    }
    file = av.open(str(path.absolute()), "w", format="mp4", options=options)
    try:
        yield file
    except BaseException:
        abandon(file)
        raise
    file.close()


def _display_matrix(form: Format) -> tuple[int, ...]:
    a, c, b, d = (part << 16 for part in form.turn)
    return (a, b, 0, c, d, 0, 0, 0, 1 << 30)
