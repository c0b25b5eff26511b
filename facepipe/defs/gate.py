"""Media are decoded from first frame to last in a process of their own before anything reads them.

That happens once for each content: as it is added, or as its consent is looked at, which everything
made from it waits for.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from facepipe.defs.partitions import Side
from facepipe.files import write_whole

if TYPE_CHECKING:
    from facepipe.defs.storage import Store


def inspect_once(store: "Store", side: Side, name: str, paths: Sequence[Path], digest: str) -> None:
    """Decode `paths`, whose digest is `digest`, unless that was done.

    Raises:
        MediaError: One of them is no media, is damaged, or exceeds a limit.
    """
    from facepipe.media.inspection import inspect_media
    from facepipe.media.settings import inspection_from

    mark = _mark(store, side, name)
    if not mark.is_file() or mark.read_text() != digest:
        inspect_media(paths, inspection_from())
        note_inspected(store, side, name, digest)


def note_inspected(store: "Store", side: Side, name: str, digest: str) -> None:
    """Remember that media with this digest were decoded whole."""
    write_whole(_mark(store, side, name), digest)


def _mark(store: "Store", side: Side, name: str) -> Path:
    return store.workplace(f"{side}/inspected", name) / "digest"
