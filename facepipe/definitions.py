"""The one entry point Dagster loads: everything defined under `facepipe/defs`."""

from pathlib import Path

import dagster as dg

from facepipe.settings import keep_to_owner


@dg.definitions
def defs() -> dg.Definitions:
    """Collect every asset, check, job, sensor and resource found in `facepipe/defs`.

    A process that loads them may make assets of people, which are nobody else's to read.
    """
    keep_to_owner()
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
