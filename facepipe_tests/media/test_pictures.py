"""Pictures of every kind come as upright 8-bit RGB, or are refused."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facepipe.errors import MediaError
from facepipe.media.decode import decode
from facepipe.media.pictures import BACKGROUND_RGB
from facepipe.media.probe import list_media, probe

EXACT = {"png": {}, "bmp": {}, "tiff": {}, "webp": {"lossless": True, "exact": True}}


def shown(path):
    (frame,) = decode(path)
    assert (frame.index, frame.pts, frame.pts_s) == (0, 0, 0.0)
    assert frame.rgb.dtype == np.uint8
    return frame.rgb


@pytest.mark.parametrize("suffix", EXACT)
def test_lossless_kinds_are_read_exactly(tmp_path, picture, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture()).save(path, **EXACT[suffix])
    np.testing.assert_array_equal(shown(path), picture())


def test_a_jpeg_is_read_whatever_its_name(tmp_path, picture):
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path, "JPEG", quality=95)
    assert np.abs(shown(path).astype(int) - picture()).mean() < 4


@pytest.mark.parametrize(
    ("orientation", "undo", "rotation_deg"),
    [(1, lambda p: p, 0), (2, np.fliplr, 0), (3, lambda p: np.rot90(p, 2), 180),
     (6, lambda p: np.rot90(p, -1), 90), (8, lambda p: np.rot90(p, 1), 270)],
)  # fmt: skip
def test_exif_turns_are_applied(tmp_path, picture, orientation, undo, rotation_deg):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path, exif=exif)
    np.testing.assert_array_equal(shown(path), undo(picture()))
    info = probe(path)
    assert (info.height, info.width) == shown(path).shape[:2]
    assert (info.kind, info.rotation_deg, info.frames) == ("image", rotation_deg, 1)


def test_transparency_shows_mid_grey(tmp_path, picture):
    alpha = np.full((64, 96, 1), 255, np.uint8)
    alpha[:, :48] = 0
    path = tmp_path / "a.png"
    Image.fromarray(np.concatenate([picture(), alpha], -1)).save(path)
    assert (shown(path)[:, :48] == BACKGROUND_RGB).all()
    np.testing.assert_array_equal(shown(path)[:, 48:], picture()[:, 48:])


def test_sixteen_bits_keep_their_upper_eight(tmp_path):
    levels = np.linspace(0, 65535, 32 * 32).astype(np.uint16).reshape(32, 32)
    for name in ("a.png", "a.tiff"):
        Image.fromarray(levels).save(tmp_path / name)
        assert (shown(tmp_path / name) == (levels >> 8)[..., None]).all()


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "PA"])
def test_other_modes_become_rgb(tmp_path, picture, mode):
    path = tmp_path / "a.tiff" if mode == "PA" else tmp_path / "a.png"
    source = Image.fromarray(picture()).convert("P" if mode == "PA" else mode)
    source.save(path)
    np.testing.assert_array_equal(shown(path), np.asarray(source.convert("RGB")))


def test_cmyk_becomes_rgb(tmp_path, picture):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).convert("CMYK").save(path, quality=98)
    assert np.abs(shown(path).astype(int) - picture()).mean() < 4


def test_a_picture_with_too_many_pixels_is_refused(tmp_path, monkeypatch, picture):
    path = tmp_path / "a.png"
    Image.fromarray(picture()).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)  # the picture has 6144
    for reader in (probe, lambda path: list(decode(path))):
        with pytest.raises(MediaError, match="more pixels than the 5000 allowed"):
            reader(path)


@given(data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damaged_pictures_are_refused_or_read_never_worse(tmp_path, picture, data):
    suffix = data.draw(st.sampled_from(["jpg", "png", "webp", "bmp", "tiff"]))
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(picture(24, 16)).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    message = ""
    try:
        probe(path)
        list(decode(path))
    except MediaError as error:
        message = str(error)
    assert "\n" not in message


def test_a_truncated_jpeg_is_refused(tmp_path, picture):
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).save(path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(MediaError, match=r"a\.jpg: the picture is damaged"):
        list(decode(path))


def test_media_of_a_folder_are_listed_by_name(tmp_path, picture):
    for name in ("b.PNG", "a.jpg", ".hidden.png"):
        Image.fromarray(picture()).save(tmp_path / name)
    (tmp_path / "consent.json").write_text("{}")
    (tmp_path / "masks").mkdir()
    assert [path.name for path in list_media(tmp_path)] == ["a.jpg", "b.PNG"]


@pytest.mark.parametrize("name", ["notes.txt", "photo.heic", "no_suffix", "folder/"])
def test_what_is_no_media_is_named(tmp_path, picture, name):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_text("x")
    with pytest.raises(MediaError, match=f"{name.rstrip('/')}: not a media file"):
        list_media(tmp_path)


def test_a_folder_without_media_is_refused(tmp_path):
    (tmp_path / "consent.json").write_text("{}")
    with pytest.raises(MediaError, match="holds no media"):
        list_media(tmp_path)
    with pytest.raises(MediaError, match="no such folder"):
        list_media(tmp_path / "missing")
