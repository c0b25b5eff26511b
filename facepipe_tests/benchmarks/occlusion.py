"""What an occluder file sees before faces, against truths, beside what the outline alone says.

    python -m facepipe_tests.benchmarks.occlusion OCCLUDER [--sheet X.png] [--clip NAME]

prints, over people and stills that no occluder is trained on, the mean IoU of the visible face:
of the outline alone, of the file alone, and of both together, as a swap takes them; which share of
the visible face inside the outline the file takes for hidden, and which share of what is hidden
there it takes for visible. Of faces of a clip it also judges what a swap that looks with the
general occluder believes of it. The sheet shows some squares of each row; with `--clip`, a clip's
name in the shared media, some of its frames instead, and no table is made.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from facepipe.occlusion.occluder import Occluder
from facepipe.occlusion.trust import LOOKS, believed, spread, trust
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


Seen = list[tuple[Square, Any]]
"""Squares, and what is made of each, `(256, 256)`."""


def looked_at(rows: dict[str, list[Square]], shares: Callable) -> dict[str, Seen]:
    """What the file makes of each row; of a clip's faces also what a swap believes of that."""
    found: dict[str, Seen] = {}
    for name, squares in rows.items():
        looks = [shares(square.rgb) for square in squares]
        found[name] = list(zip(squares, looks, strict=True))
        if name.startswith("dev_"):
            trusted = trust([looks[place] for place in spread(len(looks))])
            told = [believed(look, trusted) for look in looks]
            found[f"{name}, as believed"] = list(zip(squares, told, strict=True))
    return found


def sheet_of(rows: dict[str, Seen], across: int = 12):
    """Some squares of each row, overlaid."""
    lines = []
    for seen in rows.values():
        few = [seen[k] for k in np.linspace(0, len(seen) - 1, across).astype(int)]
        lines.append(np.hstack([overlaid(*each) for each in few]))
    return np.vstack(lines)


def table_of(rows: dict[str, Seen]) -> Table:
    """The columns' means over each row's squares."""
    table = Table("faces", "", *COLUMNS)
    for name, seen in rows.items():
        found = np.array([judged(*each) for each in seen])
        told = [f"{value:.3f}" for value in np.nanmean(found, 0)[:3]]
        told += [
            "" if np.isnan(column).all() else f"{100 * np.nanmean(column):.2f} %"
            for column in found.T[3:]
        ]
        table.add_row(name, str(len(seen)), *told)
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
            rows = {f"{given.clip}, frames": real_squares(frames(given.clip, LOOKS), bundle)}
        else:
            rows = material(bundle)
    seen = looked_at(rows, shares)
    if not given.clip:
        Console(width=150).print(table_of(seen))
    if given.sheet:
        cv2.imwrite(str(given.sheet), sheet_of(seen)[..., ::-1])


if __name__ == "__main__":
    main()
