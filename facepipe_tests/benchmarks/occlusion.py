"""What an occluder file sees before faces, against truths, beside what the outline alone says.

    python -m facepipe_tests.benchmarks.occlusion OCCLUDER [--sheet X.png] [--clip NAME]

prints, over people and stills that no occluder is trained on, the mean IoU of the visible face:
of the outline alone, of the file alone, and of both together, as a swap takes them; which share of
the visible face inside the outline the file takes for hidden, and which share of what is hidden
there it takes for visible. The sheet shows some squares of each row; with `--clip`, a clip's name
in the shared media, 24 of its frames instead, and no table is made.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from facepipe.occlusion.occluder import Occluder
from facepipe_tests.benchmarks.hidden_faces import Square, frames, material, real_squares

COLUMNS = ("outline", "file", "both", "taken for hidden", "taken for visible")


def judged(square: Square, shares) -> list[float]:
    """The columns' numbers for one square; NaN where there is nothing to be wrong about."""
    seen = shares > 0.5
    inside, sure = square.outline & square.sure, square.sure
    hidden = inside & ~square.visible
    return [
        *(
            _iou(found & sure, square.visible & sure)
            for found in (square.outline, seen, seen & square.outline)
        ),
        _share(~seen, square.visible & inside),
        _share(seen, hidden),
    ]


def _iou(found, known) -> float:
    either = (found | known).sum()
    return float((found & known).sum() / either) if either else float("nan")


def _share(wrong, among) -> float:
    return float(wrong[among].mean()) if among.sum() > 40 else float("nan")


def overlaid(square: Square, shares):
    """The picture, dimmed red where the file sees no face, with the outline in green."""
    rgb = square.rgb.astype(np.float32)
    red = 0.45 * rgb + np.array([90, 0, 0], np.float32)
    shown = np.where((shares > 0.5)[..., None], rgb, red).astype(np.uint8)
    edges, _ = cv2.findContours(
        square.outline.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    return cv2.drawContours(np.ascontiguousarray(shown), edges, -1, (0, 255, 0), 1)


def sheet_of(rows: dict[str, list[Square]], shares: Callable, across: int = 12):
    """Some squares of each row, overlaid."""
    lines = []
    for squares in rows.values():
        few = [squares[k] for k in np.linspace(0, len(squares) - 1, across).astype(int)]
        lines.append(np.hstack([overlaid(square, shares(square.rgb)) for square in few]))
    return np.vstack(lines)


def table_of(rows: dict[str, list[Square]], shares: Callable) -> Table:
    """The columns' means over each row's squares."""
    table = Table("faces", "", *COLUMNS)
    for name, squares in rows.items():
        found = np.array([judged(square, shares(square.rgb)) for square in squares])
        told = [f"{value:.3f}" for value in np.nanmean(found, 0)[:3]]
        told += [
            "" if np.isnan(column).all() else f"{100 * np.nanmean(column):.2f} %"
            for column in found.T[3:]
        ]
        table.add_row(name, str(len(squares)), *told)
    return table


def main() -> None:
    """Print the table and write the sheet."""
    from facepipe.inference.models import ensure_model

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("occluder", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--clip")
    given = parser.parse_args()
    shares = Occluder(given.occluder, "cpu", 1).shares
    with tempfile.TemporaryDirectory() as folder:
        bundle = ensure_model("face_landmarker", Path(folder))
        if given.clip:
            shown = real_squares(frames(given.clip, 24), bundle)
            rows = {str(first): shown[first : first + 6] for first in range(0, len(shown), 6)}
        else:
            rows = material(bundle)
            Console(width=150).print(table_of(rows, shares))
    if given.sheet:
        sheet = sheet_of(rows, shares, 6 if given.clip else 12)
        cv2.imwrite(str(given.sheet), sheet[..., ::-1])


if __name__ == "__main__":
    main()
