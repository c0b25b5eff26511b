"""A row of the benchmark table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measurement: our figure, a peer's, and what they should come to."""

    what: str
    ours: str
    peer: str
    value: float
    most: float

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        verdict = "ok" if self.value <= self.most else "MISSED"
        return self.what, self.ours, self.peer, f"{self.value:.2f}", f"≤ {self.most:g}", verdict
