"""A person between two others: the profile that lies part of the way from one to the other."""

from datetime import datetime
from typing import Any

import numpy as np

from facepipe.errors import BadInputError
from facepipe.identity.embedding import described_record, embedder_record
from facepipe.identity.profile import Profile
from facepipe.identity.spherical import between, shares_between

_WORSE = {"num_frames": min, "avg_face_score": min, "landmark_variance": max}


def mixed_profile(one: Profile, other: Profile, share: float) -> Profile:
    """The person who lies `share` of the way from one profile to another, on the sphere.

    Its spread is that of faces of both, mixed likewise; its quality that of the worse known one.

    Raises:
        BadInputError: Two embedders made them, or it is not known which did.
    """
    embedder = _common_embedder(one, other)
    parts = np.array(shares_between(one.embedding, other.embedding, share))
    spreads = np.array([one.embedding_std, other.embedding_std])
    name = f"{one.name} towards {other.name} {share:g}"
    stats = (one.quality_stats, other.quality_stats)
    known = [number for number in _WORSE if all(number in told for told in stats)]
    return Profile(
        id=name.lower().replace(" ", "_"),
        name=name,
        created_at=max(one.created_at, other.created_at, key=datetime.timestamp),
        source_files=[f"{who.name}/{file}" for who in (one, other) for file in who.source_files],
        embedding_mean=between(one.embedding, other.embedding, share).astype(np.float32).tolist(),
        embedding_std=np.hypot(*(parts[:, None] * spreads)).astype(np.float32).tolist(),
        quality_stats={
            **{number: _WORSE[number](told[number] for told in stats) for number in known},
            "embedder": embedder,
            "mixed_from": {one.name: 1 - share, other.name: share},
        },
        source_count=one.source_count + other.source_count,
    )


def _common_embedder(one: Profile, other: Profile) -> dict[str, Any]:
    first, last = embedder_record(one), embedder_record(other)
    if first["sha256"] != last["sha256"]:
        raise BadInputError(
            f"profile {one.name!r} was made with {described_record(first)} and {other.name!r} "
            f"with {described_record(last)}, and what two embedders made cannot be mixed; run: "
            f"facepipe run {other.name} TARGET --set identity/profile.embedder={first['name']}"
        )
    return one.quality_stats["embedder"]
