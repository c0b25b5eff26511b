"""Let an iterator work ahead of its reader, in a thread of its own."""

import threading
from collections.abc import Generator, Iterator
from queue import Empty, Queue
from typing import TypeVar

Item = TypeVar("Item")
_END = object()


def ahead(items: Iterator[Item], depth: int = 1) -> Iterator[Item]:
    """The same items and errors; while the reader holds one, the next `depth` are being made.

    At most `depth` finished items wait, so that memory does not grow with the length.
    """
    waiting: Queue[Item | object] = Queue(depth)
    failed: list[BaseException] = []
    left = threading.Event()

    def work() -> None:
        try:
            for item in items:
                waiting.put(item)
                if left.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  # raised again where it is read
            failed.append(error)
        waiting.put(_END)

    worker = threading.Thread(target=work, name="ahead")
    worker.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
    finally:
        left.set()
        _emptied_until_dead(worker, waiting)
        if isinstance(items, Generator):
            items.close()
    if failed:
        raise failed[0]


def _emptied_until_dead(worker: threading.Thread, waiting: "Queue[Item | object]") -> None:
    """Let a worker whose reader is gone put its last items down."""
    while worker.is_alive():
        try:
            waiting.get(timeout=0.01)
        except Empty:
            continue
