"""What stays of somebody whose data were deleted: that it was done, why, when, and what it ends.

A tombstone holds no picture, no embedding and no hash of a face. One that ends a consent names the
hashes of its media, so that they are refused when somebody puts them back under the old record.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from facepipe.errors import BadInputError, ConsentError
from facepipe.files import write_whole
from facepipe.provenance.consent import Consent, Line, Moment, Sha256
from facepipe.provenance.digests import canonical_json
from facepipe.settings import NAME_PATTERN

Why = Literal["revoked", "removed", "expired"]
Side = Literal["identity", "target"]
ConsentId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]


class Tombstone(BaseModel):
    """That a person's or a target's data were deleted.

    Attributes:
        side: Whether it was an identity or a target.
        name: Its name.
        why: `revoked` by who had granted it; `removed` by the user; `expired`, its time being over.
        at: When.
        consents: The records this ends, by id.
        pairs: Partition keys of other people's pairs that showed them as well.
        media: SHA-256 of each file that the ended records cover; only for `revoked`.
        finished: Whether everything is deleted by now; until then nothing new is made of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    side: Side
    name: Annotated[str, StringConstraints(pattern=f"^{NAME_PATTERN}$")]
    why: Why
    at: Moment
    consents: tuple[ConsentId, ...] = ()
    pairs: tuple[Line, ...] = ()
    media: tuple[Sha256, ...] = ()
    finished: bool = False

    @property
    def file_name(self) -> str:
        """Its name in the folder of tombstones; one for each side, name and second."""
        return f"{self.side}-{self.name}-{self.at:%Y%m%dT%H%M%SZ}.json"


@dataclass(frozen=True)
class Tombstones:
    """The folder of tombstones of a data root."""

    folder: Path

    def __iter__(self) -> Iterator[Tombstone]:
        """All of them, by file name.

        Raises:
            BadInputError: One cannot be read; what it forbids is then unknown.
        """
        yield from (_read(path) for path in sorted(self.folder.glob("[!.]*.json")))

    def put(self, stone: Tombstone) -> None:
        """Write one, in place of its earlier self.

        Raises:
            StorageError: The disk is full or the folder may not be written to.
        """
        content = canonical_json(stone.model_dump(mode="json"))
        write_whole(self.folder / stone.file_name, content + b"\n")

    def take_away(self, stone: Tombstone) -> None:
        """Delete one."""
        (self.folder / stone.file_name).unlink(missing_ok=True)

    def unfinished(self, side: Side, name: str) -> Tombstone | None:
        """The one whose deletion was begun and not finished."""
        return next((stone for stone in self._of(side, name) if not stone.finished), None)

    def latest(self, side: Side, name: str) -> Tombstone | None:
        """The newest one of a name."""
        return max(self._of(side, name), key=lambda stone: stone.at, default=None)

    def _of(self, side: Side, name: str) -> Iterable[Tombstone]:
        return (stone for stone in self if (stone.side, stone.name) == (side, name))


def check_not_ended(consent: Consent, media: Collection[str], stones: Iterable[Tombstone]) -> None:
    """Pass silently if no tombstone ends `consent` or an older grant over `media` (SHA-256).

    A record granted after a revocation is a new grant, and passes.

    Raises:
        ConsentError: Its person took it back.
    """
    for stone in stones:
        known = consent.id in stone.consents or (
            consent.granted_at <= stone.at and not set(stone.media).isdisjoint(media)
        )
        if stone.why == "revoked" and known:
            raise ConsentError(
                f"consent {consent.id} of {consent.subject} was revoked on {stone.at:%Y-%m-%d} "
                f"({stone.side} {stone.name}); only a record granted after that allows its media"
            )


def _read(path: Path) -> Tombstone:
    try:
        return Tombstone.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInputError(
            f"{path}: this tombstone cannot be read, so that what it forbids is unknown; restore "
            f"it from a backup, or delete it knowingly"
        ) from error
