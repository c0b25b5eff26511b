"""Write `docs/errors.md` anew: `python -m facepipe_tests.errors [MODELS]`.

MODELS is a folder that holds the landmark model, `data/models` if not told.
"""

import sys
import tempfile
from pathlib import Path

from facepipe_tests.errors.cases import told
from facepipe_tests.errors.table import CASES, TABLE, row, written

if __name__ == "__main__":
    models = Path(sys.argv[1] if len(sys.argv) > 1 else "data/models").absolute()
    rows = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(
                row(case, told(case, Path(folder).resolve(), models if case.looks else None))
            )
    TABLE.write_text(written(rows))
