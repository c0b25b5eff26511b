"""Has anything been swapped? The verdict on a finished adapter, and what to try where not.

A training can end with a low loss and change nothing: the most asked question about such tools is
"trained, but the face does not change".
"""

from collections.abc import Mapping
from typing import Any

_UNCHANGED = 0.5  # of the wanted change; a learnt swap makes nearly all of it


def is_swapped(evaluation: Mapping[str, Any]) -> bool:
    """Whether the drawn faces resemble the identity more than the target, on the whole.

    Args:
        evaluation: what `evaluation.json` of an adapter holds.
    """
    drawn = evaluation["drawn"]
    return drawn["similarity_to_identity"] > drawn["similarity_to_target"]


def advice(evaluation: Mapping[str, Any]) -> str:
    """What to try where nothing was swapped, by where it was lost; empty where it was swapped."""
    if is_swapped(evaluation):
        return ""
    drawn, wanted = evaluation["drawn"], evaluation["wanted"]
    said = (
        f"the drawn faces are closer to the target ({drawn['similarity_to_target']:.3f}) than to "
        f"the identity ({drawn['similarity_to_identity']:.3f})"
    )
    if wanted["similarity_to_identity"] <= wanted["similarity_to_target"]:
        return (
            f"{said}, and so is the mesh swap they learn from: give the identity more pictures in "
            f"the target's poses and light, or put an ArcFace model into data/models, since the "
            f"builtin embedder knows people badly"
        )
    if drawn["change"] < _UNCHANGED * wanted["change"]:
        return (
            f"{said}: the network leaves the target as it is (it changes {drawn['change']:.3f} of "
            f"{wanted['change']:.3f}); raise epochs, and taught if it was lowered"
        )
    return (
        f"{said}, although the mesh swap they learn from is not: train the identity model longer "
        f"(identity/checkpoint.epochs), then the adapter (pair/lora_checkpoint.epochs, rank)"
    )
