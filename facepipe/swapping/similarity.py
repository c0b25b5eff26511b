"""How much swapped faces look like the people they should, and should not, look like."""

import numpy as np

from facepipe.arrays import FloatArray, RgbImage
from facepipe.identity.embedding import ARCFACE_PX, Embedder
from facepipe.landmarks.alignment import arcface_transform, cut
from facepipe.landmarks.regions import five_points

_EMBEDDED_AT_ONCE = 16


class Similarity:
    """Cosines of faces to reference vectors; few faces are held at a time.

    Args:
        embedder: what the references were made by.
        references: `(R, 512)` unit vectors.
    """

    def __init__(self, embedder: Embedder, references: FloatArray) -> None:
        self._embedder = embedder
        self._references = references.T
        self._waiting: list[RgbImage] = []
        self._done: list[FloatArray] = []

    def look(self, frame_rgb: RgbImage, face_px: FloatArray) -> None:
        """Take the face with these landmarks `(478, 3)` from a frame `(H, W, 3)`."""
        transform = arcface_transform(five_points(face_px))
        self._waiting.append(cut(frame_rgb, transform, ARCFACE_PX))
        if len(self._waiting) == _EMBEDDED_AT_ONCE:
            self._embed()

    def cosines(self) -> FloatArray:
        """`(N, R)` of all faces so far, in the order looked at; at least one was."""
        if self._waiting:
            self._embed()
        return np.concatenate(self._done)

    def _embed(self) -> None:
        vectors = self._embedder.embed(np.stack(self._waiting))
        self._done.append(vectors @ self._references)
        self._waiting = []
