"""What opens several things for a `with` block, and closes them in the opposite order."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from types import TracebackType
from typing import Self


class Opening(ABC):
    """A context manager made of others; what is open already is closed if the next cannot be."""

    _open: ExitStack

    @abstractmethod
    def _enter(self, opening: ExitStack) -> None:
        """Open everything, and hand to `opening` what closes it."""

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._enter(opening)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.__exit__(kind, error, trace)
