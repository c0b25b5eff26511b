"""Painting begins with what is known, and what was painted is kept as the training reads it."""

import io
import stat

import numpy as np
import pytest
from PIL import Image

from facepipe.errors import MediaError
from facepipe.landmarks.regions import FACE_OVAL, fill_region
from facepipe.landmarks.tracks import Landmarks
from facepipe.occlusion.keyframes import keyframe_files, keyframe_label
from facepipe.occlusion.painting import Easel
from facepipe_tests.identity.conftest import face_points

SIZE_WH = (360, 320)
FRAMES = 6
STEP_PX = 4.0


def points_at(frame):
    """The face, going to the right."""
    return (face_points() + np.array([STEP_PX * frame, 0, 0])).astype(np.float32)


@pytest.fixture
def easel(tmp_path):
    """One face in frames 0 to 4; nobody in frame 5."""
    points = np.stack([points_at(frame) for frame in range(FRAMES)])[:, None]
    points[-1] = np.nan
    unseen = np.zeros((FRAMES, 1), bool)
    unseen[-1] = True
    landmarks = Landmarks(
        points_px=points,
        score=np.where(unseen, np.nan, 1).astype(np.float32),
        track_id=np.where(unseen, -1, 3).astype(np.int32),
        bridged=np.zeros((FRAMES, 1), bool),
        source=np.zeros(FRAMES, np.int32),
        frame_index=np.arange(FRAMES, dtype=np.int32),
        pts_s=np.arange(FRAMES, dtype=np.float32),
        scene=np.zeros(FRAMES, np.int32),
        size_wh=np.tile(np.array(SIZE_WH, np.int32), (FRAMES, 1)),
        time_base=np.array([[1, 30]], np.int32),
        sources=("clip.mp4",),
    )
    return Easel(tmp_path, "clip.mp4", landmarks)


def as_png(mask, kind="RGB"):
    """What a canvas gives: colours, and no hint that it is a mask."""
    out = io.BytesIO()
    Image.fromarray(mask).convert(kind).save(out, "PNG")
    return out.getvalue()


def half(frame):
    """The outline without the face's right half."""
    inside = fill_region(points_at(frame), FACE_OVAL, SIZE_WH)
    inside[:, int(points_at(frame)[:, 0].mean()) :] = False
    return np.where(inside, np.uint8(255), np.uint8(0))


def test_without_painted_masks_it_begins_with_the_outline_and_where_nobody_is_with_nothing(easel):
    mask, origin = easel.mask(2)
    assert origin == "outline"
    assert np.array_equal(mask > 0, fill_region(points_at(2), FACE_OVAL, SIZE_WH))
    mask, origin = easel.mask(5)
    assert origin == "none"
    assert not mask.any()


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA"])
def test_what_was_painted_comes_back_and_is_what_the_training_reads(easel, tmp_path, kind):
    easel.save(1, as_png(half(1), kind))
    assert easel.painted() == [1]
    mask, origin = easel.mask(1)
    assert origin == "painted"
    assert np.array_equal(mask, half(1))
    file = keyframe_files(tmp_path)[1]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert keyframe_label(file, points_at(1), SIZE_WH).max() == 1


def test_between_painted_frames_it_begins_with_what_goes_along_with_the_face(easel):
    easel.save(0, as_png(half(0)))
    easel.save(4, as_png(half(4)))
    mask, origin = easel.mask(2)
    assert origin == "between"
    assert ((mask > 0) != (half(2) > 0)).sum() < 0.05 * (half(2) > 0).sum()
    assert easel.mask(5)[1] == "none"
    easel.delete(4)
    easel.delete(4)
    assert easel.painted() == [0]
    assert easel.mask(2)[1] == "outline"


@pytest.mark.parametrize(
    "png",
    [b"", b"<svg/>", as_png(np.zeros((10, 10), np.uint8)), as_png(half(0))[:200]],
    ids=["nothing", "no picture", "another size", "half of it"],
)
def test_what_is_no_mask_of_the_frame_is_refused_and_what_was_there_stays(easel, png):
    easel.save(0, as_png(half(0)))
    with pytest.raises(MediaError, match="360 x 320 pixels is needed"):
        easel.save(0, png)
    assert np.array_equal(easel.mask(0)[0], half(0))
