"""Let an iterator work ahead of its reader, in a thread of its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items and errors; while the reader holds one, the next is being made.

    At most two items are alive at a time, so that memory does not grow with the length.
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead") as worker:
        coming = worker.submit(next, items, _END)
        while (item := coming.result()) is not _END:
            coming = worker.submit(next, items, _END)
            yield item  # type: ignore[misc]
