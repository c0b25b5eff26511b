"""Media that mean harm, or came to it: made by seed from small whole files.

Each specimen has a kind (what was done to it) and a name under which it lies. The same seed gives
the same bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facepipe_tests.media.mutations import MADE, MUTATIONS
from facepipe_tests.media.wholes import whole_files


@dataclass(frozen=True)
class Specimen:
    """A file's name and content, and what was done to it."""

    kind: str
    name: str
    content: bytes


def specimens(seed: int, count: int) -> Iterator[Specimen]:
    """`count` specimens, every kind in turn."""
    rng, whole = np.random.default_rng(seed), whole_files()
    kinds = [*MUTATIONS, *MADE]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        if kind in MADE:
            name, content = MADE[kind](rng, whole)
        else:
            name = str(rng.choice(sorted(whole)))
            content = MUTATIONS[kind](rng, whole[name])
        yield Specimen(kind, f"{number:05d}{Path(name).suffix}", content)
