"""Make MediaPipe's face landmark bundle from its parts, the same bytes every time.

Two edits are made to the landmark network, whichever of the two it is:

- The attention network of the mediapipe 0.10 wheels gives mesh, lips, eyes and irises apart; they
  are gathered into the one tensor of 478 points that the Tasks graph wants.
- The Tasks graph keeps the network's presence probability to itself. It is carried out in the
  depth of two points of the right iris's ring, which are never used for depth: point 469 lies
  `presence` and point 471 one unit before the iris's centre (`presence_of` reads and heals them).

The index lists are those of MediaPipe's face mesh with attention (Grishchenko et al. 2020,
tensors_to_face_landmarks_with_attention, Apache-2.0); a test holds them against the network.
"""

import io
import struct
import zipfile

import numpy as np
from numpy.typing import NDArray

from facepipe.arrays import FloatArray
from facepipe.inference.tflite_graph import TfliteGraph

DETECTOR, NETWORK = "face_detector.tflite", "face_landmarks_detector.tflite"
MARKER = "facepipe.txt"
PRESENCE_POINT, UNIT_POINT, CENTRE_POINT = 469, 471, 468
_UNIT = 32.0  # in network pixels: large against the rounding of float32 depths
_MESH = 3 * 468
_ALIGNMENT = 64

LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
    76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408,
    62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407,
)  # fmt: skip
RIGHT_EYE = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173,
    130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190,
    226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189,
    35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245,
    156, 70, 63, 105, 66, 107, 55, 193,
)  # fmt: skip
LEFT_EYE = (
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
    359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414,
    446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413,
    265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465,
    383, 300, 293, 334, 296, 336, 285, 417,
)  # fmt: skip
_EYE_CONTOUR = 16  # the first so many of an eye's points are its lids
_RIGHT_IRIS, _LEFT_IRIS = range(468, 473), range(473, 478)
_PARTS = (_MESH, 2 * len(LIPS), 2 * len(RIGHT_EYE), 2 * len(LEFT_EYE), 10, 10)
"""Lengths of the attention network's outputs; what it calls left is on the image's left."""


def attention_network(content: bytes) -> bytes:
    """The attention network, its six outputs gathered into 478 points that carry presence."""
    graph = TfliteGraph(content)
    *parts, flag = graph.outputs
    flat = [graph.reshape(part, (size,)) for part, size in zip(parts, _PARTS, strict=True)]
    everything = graph.concatenate(flat, sum(_PARTS))
    lids = np.array([RIGHT_EYE[:_EYE_CONTOUR], LEFT_EYE[:_EYE_CONTOUR]])
    iris_depths = graph.row_means(graph.gather(everything, 3 * lids + 2), rows=2)
    joined = graph.concatenate([everything, iris_depths], sum(_PARTS) + 2)
    return _carry_presence(graph, graph.gather(joined, _refined_order()), flag)


def task_network(content: bytes) -> bytes:
    """The official bundle's 478-point network, its points carrying presence as well."""
    graph = TfliteGraph(content)
    points, flag = graph.outputs[:2]
    return _carry_presence(graph, graph.reshape(points, (3 * 478,)), flag)


def bundle(detector: bytes, network: bytes) -> bytes:
    """The task file: an uncompressed zip with fixed dates and aligned entries."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, part in ((DETECTOR, detector), (NETWORK, network), (MARKER, b"presence\n")):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            entry.extra = _padding(content.tell() + 30 + len(name))
            archive.writestr(entry, part)
    return content.getvalue()


def presence_of(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Faces `(F, 478, 3)` with their depths healed, and the presence `(F,)`, 0 to 1, they carried.

    A network without the edit gives what its depths happen to hold: look for `MARKER` first.
    """
    depth = points[:, [CENTRE_POINT, PRESENCE_POINT, UNIT_POINT], 2]
    presence = (depth[:, 1] - depth[:, 0]) / (depth[:, 2] - depth[:, 0])
    healed = points.copy()
    healed[:, [PRESENCE_POINT, UNIT_POINT], 2] = depth[:, :1]
    return healed, np.clip(presence, 0, 1).astype(np.float32)


def _refined_order() -> NDArray[np.int64]:
    """For each of 478x3 coordinates its place in the attention network's joined outputs."""
    order = np.arange(3 * 478).reshape(478, 3)
    starts = np.cumsum(_PARTS)
    for points, start in zip((LIPS, RIGHT_EYE, LEFT_EYE), starts, strict=False):
        order[list(points), :2] = start + np.arange(2 * len(points)).reshape(-1, 2)
    for side, points in enumerate((_RIGHT_IRIS, _LEFT_IRIS)):
        order[points, :2] = starts[3 + side] + np.arange(10).reshape(5, 2)
        order[points, 2] = sum(_PARTS) + side
    return order.ravel()


def _carry_presence(graph: TfliteGraph, points: int, flag: int) -> bytes:
    """Finish with outputs points `(1, 1, 1, 1434)` and flag, presence written into two depths."""
    centre = graph.gather(points, np.array([3 * CENTRE_POINT + 2]))
    unit = graph.constant(np.array([_UNIT], np.float32))
    presence = graph.times(graph.sigmoid(graph.reshape(flag, (1,))), unit)
    carried = [graph.plus(centre, presence), graph.plus(centre, unit)]
    joined = graph.concatenate([points, *carried], 3 * 478 + 2)
    order = np.arange(3 * 478)
    order[[3 * PRESENCE_POINT + 2, 3 * UNIT_POINT + 2]] = 3 * 478, 3 * 478 + 1
    return graph.packed([graph.reshape(graph.gather(joined, order), (1, 1, 1, 3 * 478)), flag])


def _padding(offset: int) -> bytes:
    """The extra field that makes an entry's content start at a multiple of 64 bytes.

    Unaligned networks are copied by TensorFlow Lite, tensor by tensor, with a warning each.
    """
    length = -(offset + 6) % _ALIGNMENT
    return struct.pack("<HHH", 0xD935, 2 + length, _ALIGNMENT) + bytes(length)
