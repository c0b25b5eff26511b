"""What a swapped video was made of, written beside it."""

from collections import Counter
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pydantic

from facepipe.errors import BadInputError
from facepipe.files import write_whole

_LIBRARIES = ("facepipe", "av", "numpy", "onnxruntime", "opencv-python")


class NamedFile(pydantic.BaseModel):
    """A file by its name and the SHA-256 of its content, 64 hex digits."""

    name: str
    sha256: str


class FrameCounts(pydantic.BaseModel):
    """Frames in all, swapped, and left alone by reason."""

    total: int
    swapped: int
    skipped: dict[str, int]

    @staticmethod
    def of(reasons: Iterable[str]) -> "FrameCounts":
        """Counted from why each frame was left alone, empty where it was swapped."""
        counts = Counter(reasons)
        swapped = counts.pop("", 0)
        skipped = dict(sorted(counts.items()))
        return FrameCounts(total=swapped + counts.total(), swapped=swapped, skipped=skipped)


class PartRecord(pydantic.BaseModel):
    """A person of the target by the tracks that show them, and the identity whose face they got.

    Attributes:
        identity: its name.
        tracks: ids in the target's landmarks.
        frames: how many of the film's frames show it, and why not the others.
    """

    identity: str
    tracks: list[int]
    frames: FrameCounts


class SwapManifest(pydantic.BaseModel):
    """Everything that decides a swapped video's content; it holds no time of making.

    Attributes:
        video: the result.
        sources: the target's media.
        inputs: SHA-256 of what else was read, by what it is.
        models: the swapping model by identity; none when the mesh draws the faces.
        consent_ids: consent record of the target and of each identity.
        settings: of the swap.
        versions: of the libraries that decide the pixels.
        frames: how many were swapped, and why the others were not.
        parts: who was replaced, and by whom.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    video: NamedFile
    sources: list[NamedFile]
    inputs: dict[str, str]
    models: dict[str, NamedFile]
    consent_ids: dict[str, str]
    settings: dict[str, Any]
    versions: dict[str, str]
    frames: FrameCounts
    parts: list[PartRecord]

    def save(self, path: Path) -> None:
        """Write as JSON, keys in a fixed order, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=2) + "\n")

    @staticmethod
    def load(path: Path) -> "SwapManifest":
        """Read what `save` wrote.

        Raises:
            BadInputError: Missing, or not such a manifest.
        """
        try:
            return SwapManifest.model_validate_json(path.read_bytes())
        except (OSError, pydantic.ValidationError) as error:
            raise BadInputError(f"{path}: not a swap manifest ({_first_line(error)})") from error


def library_versions() -> dict[str, str]:
    """Installed versions of what decides the pixels."""
    return {name: version(name) for name in _LIBRARIES}


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
