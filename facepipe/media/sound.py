"""Copy a source's sound as it is, packet by packet, into a new file."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from facepipe.errors import MediaError
from facepipe.media.clips import open_clip
from facepipe.media.opening import Opening


@dataclass(frozen=True)
class Sound:
    """What is heard.

    Attributes:
        path: The file with the sound.
        first_s: Packets that start before are left out, in seconds of the file.
        end_s: So are packets that start at or after this.
        shift_s: By how much earlier all of it is heard, in seconds.
    """

    path: Path
    first_s: Fraction | None = None
    end_s: Fraction | None = None
    shift_s: Fraction = Fraction(0)

    def holds(self, start_s: Fraction) -> bool:
        """Whether a packet that starts then is heard."""
        return (self.first_s is None or start_s >= self.first_s) and (
            self.end_s is None or start_s < self.end_s
        )


class SoundCopy(Opening):
    """The sound's packets, handed on while the video advances; use it in a `with` block.

    Raises:
        MediaError: The sound cannot be stored in MP4.
    """

    def __init__(self, output: OutputContainer, sound: Sound | None) -> None:
        self._output = output
        self._sound = sound
        self._waiting: Packet[Stream] | None = None
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._copies: dict[int, AudioStream] = {}

    def _enter(self, opening: ExitStack) -> None:
        if self._sound is None:
            return
        source, _ = opening.enter_context(open_clip(self._sound.path))
        for stream in source.streams.audio:
            self._copies[stream.index] = _add_copy(self._output, stream, self._sound.path)
        if self._copies:
            self._packets = _heard(source, self._sound)

    def copy_until(self, time_s: float) -> None:
        """Hand on every packet that starts at or before `time_s`."""
        while packet := self._waiting or next(self._packets, None):
            self._waiting = packet
            if float((packet.dts or 0) * packet.time_base) > time_s:
                return
            packet.stream = self._copies[packet.stream_index]
            self._output.mux(packet)
            self._waiting = None


def check_sound(sound: Sound | None) -> None:
    """Say before any work that a sound cannot be stored.

    Raises:
        MediaError: MP4 has no place for it.
    """
    with av.open(BytesIO(), "w", format="mp4") as nowhere, SoundCopy(nowhere, sound):
        pass


def _heard(source: InputContainer, sound: Sound) -> "Iterator[Packet[Stream]]":
    for packet in source.demux(*source.streams.audio):
        if packet.dts is None or not sound.holds(packet.dts * packet.time_base):
            continue
        shift = round(sound.shift_s / packet.time_base)
        packet.dts -= shift
        if packet.pts is not None:
            packet.pts -= shift
        yield packet


def _add_copy(output: OutputContainer, stream: AudioStream, path: Path) -> AudioStream:
    try:
        return output.add_stream_from_template(stream)
    except ValueError as error:
        raise MediaError(
            f"{path}: its sound ({stream.codec_context.name}) cannot be stored in MP4; "
            f"convert it to AAC first"
        ) from error
