"""Whom the held-out faces show once they are drawn: slower than a loss, and what it is all for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from torch import Tensor, nn

from facepipe.arrays import FloatArray, RgbImages
from facepipe.identity.embedding import ARCFACE_PX
from facepipe.training.grids import pictures
from facepipe.training.judging import change, draw_all
from facepipe.training.losses import Batch

Embed: TypeAlias = Callable[[RgbImages], FloatArray]
"""`(N, 112, 112, 3)` ArcFace-aligned faces to `(N, 512)` unit vectors."""
_ARCFACE_LEFT_PX = 8  # what the network's square shows more than ArcFace's, left and right


@dataclass(frozen=True)
class Senses:
    """What looks at drawn faces; numbers that need what is not there are left out.

    Attributes:
        embed: what both people's embeddings were made with.
    """

    embed: Embed | None = None


@dataclass(frozen=True, eq=False)
class Examination:
    """Held-out faces, and who looks at what a network makes of them.

    Attributes:
        batch: the faces, and what should become of them.
        people: unit embeddings `(512,)` by name: `identity`, and `target` if it is another.
        senses: who looks.
    """

    batch: Batch
    people: Mapping[str, FloatArray]
    senses: Senses = Senses()

    def of(self, network: nn.Module) -> dict[str, float]:
        """Numbers of the network's faces; no chance is drawn."""
        return self._of(draw_all(network, self.batch).rgb)

    def of_wanted(self) -> dict[str, float]:
        """The same of what the network is to draw, which it can hardly surpass."""
        return {"change": change(self.batch.wanted, self.batch), **self._of(self.batch.wanted)}

    def _of(self, drawn: Tensor) -> dict[str, float]:
        return similarities(drawn, self.people, self.senses.embed) if self.senses.embed else {}


def similarities(
    squares: Tensor, people: Mapping[str, FloatArray], embed: Embed
) -> dict[str, float]:
    """How much faces resemble people: mean cosines, and the share closer to the identity.

    Args:
        squares: `(N, 3, 128, 128)` faces in the network's square, RGB in 0..1.
        people: unit embeddings `(512,)` by name, made with `embed`.
        embed: what turns faces into such vectors.
    """
    inner = slice(_ARCFACE_LEFT_PX, _ARCFACE_LEFT_PX + ARCFACE_PX)
    vectors = embed(np.ascontiguousarray(pictures(squares)[:, :ARCFACE_PX, inner]))
    cosines = {name: vectors @ embedding for name, embedding in people.items()}
    numbers = {f"similarity_to_{name}": float(found.mean()) for name, found in cosines.items()}
    if "target" in cosines:
        closer = cosines["identity"] > cosines["target"]
        numbers["closer_to_identity_share"] = float(closer.mean())
    return numbers
