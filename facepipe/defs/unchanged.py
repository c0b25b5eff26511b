"""What is read for an asset stays the same until it is made, or the asset is not made.

Another process may publish an input anew, or exchange the media, between two files that are read
from them. Each folder is whole at any time, but what was read could be half of one and half of the
other.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facepipe.defs.partitions import names_in, sides_of
from facepipe.defs.recipes import read_recipe
from facepipe.errors import BadInputError, BusyError, MediaError
from facepipe.provenance.digests import digest_of_digests, folder_digests

if TYPE_CHECKING:
    from facepipe.defs.storage import Store


@contextmanager
def unchanged(store: "Store", which: tuple[str, str], recipe: Mapping[str, Any]) -> Generator[None]:
    """Let the block read the inputs of `recipe`, and refuse what it made if one was exchanged.

    A training reads its inputs as it begins and runs for hours: it is left alone, and is stale
    afterwards, as the digests in its recipe tell.

    Raises:
        BusyError: An input is not what it was when the block began.
    """
    inputs: Mapping[str, str] = recipe["inputs"]
    seen = set[str]() if recipe["resumable"] else _there_now(store, which)
    read = {digest: name for name, digest in inputs.items() if digest in seen}

    def check(cause: Exception | None = None) -> None:
        gone = set(read) - (_there_now(store, which) if read else set())
        if gone:
            what = ", ".join(sorted(read[digest].replace("_", " ") for digest in gone))
            raise BusyError(
                f"{which[0]}[{which[1]}]: its {what} was made anew while it was read; run it again"
            ) from cause

    try:
        yield
    except (OSError, BadInputError) as error:
        check(error)
        raise
    check()


def _there_now(store: "Store", which: tuple[str, str]) -> set[str]:
    """Digests of what is published for the people of a partition, and of their media."""
    root, (key, partition) = Path(store.root, "assets"), which
    people = sides_of(key, partition)
    folders = [path for side, name in people for path in root.glob(f"{side}/*/{name}")]
    if len(people) > 1:
        folders += root.glob("/".join(("pair", "*", *names_in(partition)[:2])))
    digests = {str(recipe.get("digest")) for path in folders if (recipe := read_recipe(path))}
    try:
        media = {
            side: digest_of_digests(folder_digests(store.input_folder(side, name)))
            for side, name in people
        }
    except MediaError:
        return digests
    return digests | {digest_of_digests(media) if len(media) > 1 else next(iter(media.values()))}
