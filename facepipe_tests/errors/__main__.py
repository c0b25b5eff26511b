"""Write `docs/errors.md` anew: `python -m facepipe_tests.errors [MODELS]`.

MODELS is a folder that holds the landmark model; without it one is fetched or built.
"""

import sys
import tempfile
from pathlib import Path

from facepipe.inference.models import ensure_model
from facepipe_tests.errors.cases import told
from facepipe_tests.errors.table import CASES, TABLE, row, written


def main(models: Path) -> int:
    """Try every case; the table is written if each ended as it has to."""
    rows: list[str] = []
    others: list[str] = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            found = told(case, Path(folder).resolve(), models if case.looks else None)
        rows.append(row(case, found))
        if found.code != case.code or case.said not in found.message:
            others.append(rows[-1])
    if others:
        sys.stderr.write("\n".join(["these ended otherwise:", *others, ""]))
        return 1
    TABLE.write_text(written(rows))
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as given:
        where = Path(sys.argv[1] if len(sys.argv) > 1 else given).absolute()
        ensure_model("face_landmarker", where)
        sys.exit(main(where))
