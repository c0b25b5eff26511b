"""Bad inputs of a swap: models from elsewhere, whom to replace, cuts, encoders, damaged chunks."""

import errno
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from facepipe.errors import StorageError
from facepipe.files import storage_errors
from facepipe.media import segments
from facepipe.media.canvas import Canvas
from facepipe.media.encoders import check_encoder
from facepipe.media.probe import probe
from facepipe.media.segments import SegmentWriter
from facepipe.media.settings import EncodeSettings
from facepipe.occlusion.keyframes import FOLDER, keyframe_files, keyframe_label
from facepipe.swapping.chunks import Chunk, ChunkFolder
from facepipe.swapping.contract import kind_of_model, read_contract
from facepipe.swapping.film import Cut, film_of
from facepipe.swapping.swapper import OnnxSwapper
from facepipe_tests.compositing.painted import mesh_points
from facepipe_tests.errors.cases import Case
from facepipe_tests.swapping.clips import landmarks_of, talking, tiny_dfm, tiny_model, write_clip
from facepipe_tests.swapping.test_who import ADA, cast_of, target

MODEL = "model.onnx"


def model(read: Callable[[Path], object], **flaws: object) -> Callable[[Path], str]:
    """Try to read a small model in the inswapper contract that has a flaw."""
    return lambda folder: str(read(tiny_model(folder / MODEL, **flaws)))


def no_numbers(folder: Path) -> str:
    path = tiny_model(folder / MODEL, breaks=True)
    swapper = OnnxSwapper(path, np.eye(512, dtype=np.float32)[0], "cpu", 1)
    black, points = np.zeros((1, 128, 128, 3), np.uint8), np.zeros((1, 478, 3), np.float32)
    return str(swapper.swap(black, points))


def mask(shape: tuple[int, int], name: str = "mask_frame_000000.png") -> Callable[[Path], str]:
    """Try to use a painted mask of a frame of 240 x 200 px."""

    def tried(folder: Path) -> str:
        (folder / FOLDER).mkdir()
        cv2.imwrite(str(folder / FOLDER / name), np.zeros(shape, np.uint8))
        (found,) = keyframe_files(folder).values()
        return str(keyframe_label(found, mesh_points(), (240, 200)))

    return tried


def people(wishes: str, **more: object) -> Callable[[Path], str]:
    """Try to find people in a target where three come and go."""
    return lambda folder: str(cast_of(wishes, **more))


def cut(start_s: float, end_s: float = 0.0) -> Callable[[Path], str]:
    """Try to cut a clip of 0.4 s."""

    def tried(folder: Path) -> str:
        frames, points = talking()
        clip = write_clip(folder / "clip.mp4", frames, sound=False)
        return str(film_of([clip], landmarks_of(points, [0] * 10), Cut(start_s, end_s)))

    return tried


def encoder(folder: Path) -> str:
    frames, _ = talking(2)
    form = Canvas(probe(write_clip(folder / "clip.mp4", frames, sound=False))).form
    return str(check_encoder(form, EncodeSettings(encoder="h264_nvenc")))


def full_disk(folder: Path) -> str:
    """A disk that is full once a stretch of film was encoded."""

    @contextmanager
    def full(path: Path):
        with storage_errors(path):
            yield path.with_suffix(".part.mp4")
            raise OSError(errno.ENOSPC, "No space left on device")

    frames, _ = talking(2)
    clip = write_clip(folder / "clip.mp4", frames, sound=False)
    canvas = Canvas(probe(clip))
    film = film_of([clip], landmarks_of([mesh_points()] * 2, [0, 0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "whole_file", full)
        with SegmentWriter(folder / "000000.mp4", canvas.form, EncodeSettings()) as writer:
            for frame in film.frames():
                writer.write(canvas.picture(frame, frame.rgb), frame.pts)
    raise StorageError("not refused")


def torn_chunk(folder: Path) -> str:
    """A finished stretch of which a byte is another: what the user is told."""
    said: list[str] = []
    kept, chunk = ChunkFolder(folder / "chunks", said.append), Chunk(0, 0, 4)
    kept.begin({})
    kept.segment(chunk).write_bytes(b"film")
    kept.finish(chunk)
    kept.segment(chunk).write_bytes(b"fi1m")
    assert not kept.is_whole(chunk)
    assert not kept.segment(chunk).exists()
    return said[0]


STRANGER = {"/a.png": np.eye(512, dtype=np.float32)[40]}
CASES = (
    Case("swapper", "no file", lambda folder: str(kind_of_model(folder / MODEL)), 2, "no such"),
    Case("swapper", "model of another contract",
         model(kind_of_model, names=("image", "latent")), 2, "needed are ['source', 'target']"),
    Case("swapper", "emap of another shape",
         model(read_contract, tail=[np.zeros((512, 256), np.float32)]), 2, "shape (512, 256)"),
    Case("swapper", "emap of zeros",
         model(read_contract, tail=[np.zeros((512, 512), np.float32)]), 2, "nothing but zeros"),
    Case("swapper", "DFM with another input",
         lambda folder: str(kind_of_model(tiny_dfm(folder / MODEL, face="face"))), 2, "['face']"),
    Case("swapper", "model that draws no numbers", no_numbers, 2, "NaN or infinity"),
    Case("masks", "mask of another size than its frame", mask((100, 100)), 2, "100 x 100"),
    Case("masks", "mask with another name", mask((200, 240), "a.png"), 2, "six digits"),
    Case("people", "track that does not exist", people("x=track:7"), 2, "has no track 7"),
    Case("people", "more people than the target shows", people("x=left-to-right:4"), 2,
         "shows 3 people, not 4"),
    Case("people", "frame that does not exist", people("x=reference:frame:20"), 2, "0 to 19"),
    Case("people", "frame that shows no face",
         people("x=reference:frame:6", target=target([(ADA, 0, 5, 0.5, 0)])), 2, "shows no face"),
    Case("people", "target without the mapped person",
         people("x=reference:/a.png", pictures=STRANGER), 2, "nobody in the target looks like"),
    Case("people", "target without anybody", people("x=one", target=target([])), 2, "nobody"),
    Case("people", "one person for two identities", people("x=track:0 y=left-to-right:1"), 2,
         "the same person of the target"),
    Case("film", "trim outside the clip", cut(99.0), 2, "reach outside of its"),
    Case("film", "trim between two frames", cut(0.05, 0.06), 2, "needed is a longer cut"),
    Case("film", "encoder that is not available", encoder, 2, "available are"),
    Case("film", "disk full in mid-encode", full_disk, 2, "No space left on device"),
    Case("film", "chunk damaged since it was made", torn_chunk, 0, "it is made again"),
)  # fmt: skip
