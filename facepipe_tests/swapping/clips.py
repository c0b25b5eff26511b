"""Small clips of a painted face with their landmarks, and swappers that are easy to foresee."""

import math
from fractions import Fraction

import av
import cv2
import numpy as np
import onnx
from onnx import helper, numpy_helper

from facepipe.landmarks.alignment import apply_transform, network_transform
from facepipe.landmarks.tracks import NO_TRACK, Landmarks
from facepipe.swapping.casting import Part
from facepipe.swapping.takes import Take
from facepipe_tests.compositing.painted import mesh_points, paint

WIDTH, HEIGHT = 240, 200
PTS = (0, 40, 80, 130, 160, 200, 260, 280, 320, 360)  # of 1/1000 s: not evenly spaced
TO_FRAME = np.array([[0.5, 0, 40], [0, 0.5, 15]], np.float32)


def frame_of(points, **looks):
    """A frame `(200, 240, 3)` with the face, and its points there."""
    face = cv2.warpAffine(paint(points, **looks), TO_FRAME, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    around = np.stack([x, y, 255 - x], 2).astype(np.uint8)
    shown = cv2.warpAffine(np.ones((320, 320), np.uint8), TO_FRAME, (WIDTH, HEIGHT)) > 0
    return np.where(shown[..., None], face, around), apply_transform(TO_FRAME, points)


def write_clip(path, frames, pts=PTS, sound=True):
    """An MP4 of frames at their times, with a tone."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, options={"crf": "5", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = file.add_stream("aac", rate=16000) if sound else None
        for rgb, at in zip(frames, pts, strict=False):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            picture.pts, picture.time_base = at, Fraction(1, 1000)
            file.mux(video.encode(picture))
        file.mux(video.encode())
        if audio:
            tone = np.sin(np.arange(8000) * 0.1).astype(np.float32)[None] * 0.2
            samples = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            samples.sample_rate, samples.pts = 16000, 0
            file.mux(audio.encode(samples))
            file.mux(audio.encode())
    return path


def landmarks_of(points, tracks, name="clip.mp4", pts=PTS):
    """Landmarks of one face per frame; a frame with `None` for points shows nobody."""
    n = len(points)
    placed = np.full((n, 1, 478, 3), np.nan, np.float32)
    ids = np.full((n, 1), NO_TRACK, np.int32)
    for row, (face, track) in enumerate(zip(points, tracks, strict=True)):
        if face is not None:
            placed[row, 0], ids[row, 0] = face, track
    return Landmarks(
        points_px=placed,
        score=np.where(ids == NO_TRACK, np.nan, 0.9).astype(np.float32),
        track_id=ids,
        bridged=np.zeros((n, 1), bool),
        source=np.zeros(n, np.int32),
        frame_index=np.arange(n, dtype=np.int32),
        pts_s=(np.array(pts[:n]) / 1000).astype(np.float32),
        scene=np.zeros(n, np.int32),
        size_wh=np.tile(np.array([[WIDTH, HEIGHT]], np.int32), (n, 1)),
        time_base=np.array([[1, 1000]], np.int32),
        sources=(name,),
    )


def talking(count=10, **looks):
    """Frames and points of a face that opens and shuts its mouth."""
    openings = [6 + 6 * math.sin(k) for k in range(count)]
    shown = [frame_of(mesh_points(opening), **looks) for opening in openings]
    return [rgb for rgb, _ in shown], [points for _, points in shown]


class Painter:
    """A swapper that draws one colour and is believed as it is told."""

    def __init__(self, colour=(0, 200, 0), belief=1.0, size_px=128):
        self.size_px, self._colour, self._belief = size_px, colour, belief
        self.batches = []

    def transform(self, five_px):
        return network_transform(five_px, self.size_px)

    def swap(self, crops_rgb, points_px):
        self.batches.append(len(crops_rgb))
        drawn = np.empty_like(crops_rgb)
        drawn[:] = self._colour
        return drawn, np.full(crops_rgb.shape[:3], self._belief, np.float32)


def tiny_model(
    path,
    *,
    batch="N",
    dtype=np.float32,
    size_px=128,
    names=("target", "source"),
    tail=(),
    breaks=False,
    told=None,
):
    """An inswapper-contract file: the target, tinted by the mapped embedding.

    One that `breaks` draws no numbers where that is darker than black; `told` is its metadata.
    """
    rng = np.random.default_rng(4)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    held = {
        "tint": rng.normal(0, 0.4, (512, 3)).astype(dtype),
        "low": np.array(0, dtype),
        "high": np.array(1, dtype),
        "shape": np.array([-1, 3, 1, 1]),
        "emap": rng.normal(0, 1, (512, 512)).astype(dtype),
    }
    target, source = names
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", [source, "tint"], ["flat"]),
            helper.make_node("Reshape", ["flat", "shape"], ["colour"]),
            helper.make_node("Add", [target, "colour"], ["tinted"]),
            helper.make_node("Log", ["tinted"], ["output"])
            if breaks
            else helper.make_node("Clip", ["tinted", "low", "high"], ["output"]),
        ],
        "tiny",
        [
            helper.make_tensor_value_info(target, kind, [batch, 3, size_px, size_px]),
            helper.make_tensor_value_info(source, kind, [batch, 512]),
        ],
        [helper.make_tensor_value_info("output", kind, [batch, 3, size_px, size_px])],
        [numpy_helper.from_array(value, name) for name, value in held.items()]
        + [numpy_helper.from_array(np.asarray(value), f"tail{k}") for k, value in enumerate(tail)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    helper.set_model_props(model, told or {})
    onnx.save(model, str(path))
    return path


def tiny_dfm(path, *, batch="N", size_px=64, morph=False, outputs=3, mask=1.0, face="in_face:0"):
    """A DFM: the face, darkened by half of `morph_value:0` if it has that; masks of one value.

    Its outputs have names that say nothing, as readers go by their order.
    """
    held = {
        "half": np.float32(0.5),
        "first": np.array([0, 0, 0, 0]),
        "last": np.array([2**31, size_px, size_px, 1]),
        "none": np.float32(0),
        "mask": np.float32(mask),
    }
    nodes = [
        helper.make_node("Mul", ["morph_value:0", "half"], ["share"])
        if morph
        else helper.make_node("Identity", ["none"], ["share"]),
        helper.make_node("Sub", [face, "share"], ["b"]),
        helper.make_node("Slice", [face, "first", "last"], ["plane"]),
        helper.make_node("Mul", ["plane", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "mask"], ["a"]),
        helper.make_node("Identity", ["a"], ["c"]),
    ]
    real = helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    inputs = [real(face, kind, [batch, size_px, size_px, 3])]
    inputs += [real("morph_value:0", kind, [1])] if morph else []
    shapes = [(name, 3 if name == "b" else 1) for name in "abc"[:outputs]]
    graph = helper.make_graph(
        nodes,
        "tiny",
        inputs,
        [real(name, kind, [batch, size_px, size_px, deep]) for name, deep in shapes],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    return path


def one_part(film, tracks, painter, kept=frozenset()):
    """A take in which one identity's face, drawn by `painter`, is put onto these tracks."""
    return Take(film, [Part("ada", frozenset(tracks))], {"ada": painter}, kept)
