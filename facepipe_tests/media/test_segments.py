"""Segments: encoded one by one, joined without encoding anew."""

from fractions import Fraction

import av
import numpy as np
import pytest

from facepipe.errors import MediaError, SettingsError
from facepipe.media.colour import NO_TAGS, YuvConverter
from facepipe.media.decode import decode
from facepipe.media.encoders import Format, check_encoder
from facepipe.media.joining import join
from facepipe.media.probe import probe
from facepipe.media.segments import SegmentWriter
from facepipe.media.settings import EncodeSettings

UNEVEN = [3003 * k + 7 * k * k % 900 for k in range(20)]
FORM = Format(96, 64, time_base=Fraction(1, 90000))
TEN_BIT = Format(96, 64, bits=10, time_base=Fraction(1, 90000))


def segment(path, picture, places, form=FORM, settings=None, begin=0):
    settings = settings or EncodeSettings(crf=8, preset="faster")
    colours = YuvConverter((96, 64), NO_TAGS)
    with SegmentWriter(path, form, settings) as writer:
        for place in places:
            frame = colours.convert(picture(shift=place))
            writer.write(frame.reformat(format=form.pix_fmt), begin + UNEVEN[place])
    return path


@pytest.mark.parametrize(
    ("encoder", "form", "begin"),
    [("libx264", FORM, 0), ("libx264", TEN_BIT, 12345), ("libx265", FORM, 999),
     ("libx265", TEN_BIT, 0)],
)  # fmt: skip
def test_joined_segments_show_every_frame_at_its_time(tmp_path, picture, encoder, form, begin):
    settings = EncodeSettings(crf=8, preset="faster", encoder=encoder)
    cuts = [range(7), range(7, 8), range(8, 20)]
    parts = [
        segment(tmp_path / f"{k}.nut", picture, cut, form, settings, begin)
        for k, cut in enumerate(cuts)
    ]
    join(parts, tmp_path / "all.mp4", form, settings)
    frames = list(decode(tmp_path / "all.mp4"))
    assert [frame.pts for frame in frames] == [begin + pts for pts in UNEVEN]
    for place, frame in enumerate(frames):
        assert np.abs(frame.rgb.astype(int) - picture(shift=place)).mean() < 4
    assert probe(tmp_path / "all.mp4").bits == form.bits


def test_a_picture_is_never_shown_before_it_is_decoded_and_lasts_until_the_next(tmp_path, picture):
    parts = [segment(tmp_path / f"{k}.nut", picture, range(k, k + 10)) for k in (0, 10)]
    join(parts, tmp_path / "all.mp4", FORM, EncodeSettings(crf=8, preset="faster"))
    with av.open(str(tmp_path / "all.mp4")) as file:
        packets = [packet for packet in file.demux(video=0) if packet.size]
        length = file.streams.video[0].duration
    assert all(packet.dts <= packet.pts for packet in packets)
    assert len({packet.dts for packet in packets}) == 20
    assert length == pytest.approx(UNEVEN[-1] - UNEVEN[0] + 3100, abs=600)  # a frame lasts 3000


def test_hevc_carries_the_name_that_apple_plays(tmp_path, picture):
    settings = EncodeSettings(encoder="libx265")
    part = segment(tmp_path / "a.nut", picture, range(3), FORM, settings)
    join([part], tmp_path / "a.mp4", FORM, settings)
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert file.streams.video[0].codec_context.codec_tag == "hvc1"


def test_a_segment_of_other_settings_is_not_joined(tmp_path, picture):
    part = segment(tmp_path / "a.nut", picture, range(3))
    other = segment(
        tmp_path / "b.nut", picture, range(3, 6), settings=EncodeSettings(preset="slow")
    )
    with pytest.raises(MediaError, match=r"b\.nut: was encoded with other settings"):
        join([part, other], tmp_path / "all.mp4", FORM, EncodeSettings(crf=8, preset="faster"))
    assert not (tmp_path / "all.mp4").exists()


def test_an_encoder_that_cannot_be_opened_is_refused_with_those_that_can():
    check_encoder(FORM, EncodeSettings())
    check_encoder(TEN_BIT, EncodeSettings())
    with pytest.raises(SettingsError, match=r"hevc_nvenc is not available.* libx264, libx265"):
        check_encoder(FORM, EncodeSettings(encoder="hevc_nvenc"))
