"""The one entry point Dagster loads: everything defined under `facepipe/defs`."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """Collect every asset, check, job, sensor and resource found in `facepipe/defs`."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
