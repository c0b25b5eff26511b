"""Lines through values, as the Dagster UI shows them: over epochs, or over a film."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import dagster as dg
import numpy as np

from facepipe.arrays import FloatArray
from facepipe.defs.previews import embedded

_WIDTH, _HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 25, 25  # room for numbers and legend
_COLOURS = ("#2563eb", "#d97706")
_LIMIT_COLOUR = "#b91c1c"
_BINS = 360
"""Of a longer film each so many parts show their lowest and highest value: peaks stay."""


@dataclass(frozen=True)
class _Line:
    """A line with gaps, and what is written of it."""

    label: str
    pieces: Sequence[Sequence[tuple[float, float]]]

    @property
    def points(self) -> list[tuple[float, float]]:
        return [point for piece in self.pieces for point in piece]


def curves(lines: Mapping[str, Mapping[float, float]], along: str) -> dg.MarkdownMetadataValue:
    """A line for each name through its values, by place; its first and last are written beside."""
    drawn: list[_Line] = []
    for name, values in lines.items():
        if values:
            first, *_, last = [*values.values()] * 2
            drawn.append(_Line(f"{name}: {first:.4g} to {last:.4g}", [list(values.items())]))
    return _embedded_svg(drawn, along, None)


def course(
    lines: Mapping[str, FloatArray], times_s: FloatArray, limit: float | None = None
) -> dg.MarkdownMetadataValue | None:
    """How values `(N,)` go through a film, with gaps where they are NaN; nothing if all are.

    Args:
        lines: values of each moment, by name.
        times_s: `(N,)` the moments.
        limit: drawn across, where one should not be passed.
    """
    drawn = [
        _Line(f"{name}: mean {np.nanmean(values):.4g}", list(_pieces(times_s, values)))
        for name, values in lines.items()
        if np.isfinite(values).any()
    ]
    return _embedded_svg(drawn, "seconds", limit) if drawn else None


def _pieces(times_s: FloatArray, values: FloatArray) -> Iterable[list[tuple[float, float]]]:
    """The unbroken parts of a line."""
    known = np.isfinite(values)
    starts = np.flatnonzero(known & ~np.concatenate([[False], known[:-1]]))
    ends = np.flatnonzero(known & ~np.concatenate([known[1:], [False]])) + 1
    per_bin = -(-len(values) // _BINS)
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if per_bin == 1:
            yield list(zip(times_s[start:end].tolist(), values[start:end].tolist(), strict=True))
            continue
        shown: set[int] = set()
        for first in range(start, end, per_bin):
            part = values[first : min(first + per_bin, end)]
            shown |= {first + int(part.argmin()), first + int(part.argmax())}
        yield [(float(times_s[at]), float(values[at])) for at in sorted(shown)]


def _embedded_svg(
    lines: Sequence[_Line], along: str, limit: float | None
) -> dg.MarkdownMetadataValue:
    places, values = zip(*(point for line in lines for point in line.points), strict=True)
    every = [*values, *([] if limit is None else [limit])]
    (first, last), (low, high) = (min(places), max(places)), (min(every), max(every))
    wide = (_WIDTH - _LEFT - _RIGHT) / ((last - first) or 1.0)
    tall = (_HEIGHT - _TOP - _BOTTOM) / ((high - low) or 1.0)

    def y_of(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) * tall

    drawn: list[str] = []
    for line, colour, left in zip(lines, _COLOURS, (_LEFT, _WIDTH // 2), strict=False):
        drawn.append(f'<text x="{left}" y="15" fill="{colour}">{escape(line.label)}</text>')
        for piece in line.pieces:
            # a lone point is a dot: a line to itself
            ends = [*piece, piece[0]] if len(piece) == 1 else piece
            points = " ".join(f"{_LEFT + (at - first) * wide:.1f},{y_of(v):.1f}" for at, v in ends)
            drawn.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
                f'stroke-linecap="round"/>'
            )
    if limit is not None:
        drawn.append(_limit_line(limit, y_of(limit)))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="4" y="29">{high:.4g}</text><text x="4" y="{_HEIGHT - 21}">{low:.4g}</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 6}">{along} {first:g} to {last:.4g}</text>'
        f"{''.join(drawn)}</svg>"
    )
    return embedded("image/svg+xml", svg.encode())


def _limit_line(limit: float, y: float) -> str:
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
        f'stroke="{_LIMIT_COLOUR}" stroke-dasharray="6 4"/>'
        f'<text x="{_WIDTH - _RIGHT}" y="{y - 4:.1f}" text-anchor="end" '
        f'fill="{_LIMIT_COLOUR}">limit {limit:g}</text>'
    )
