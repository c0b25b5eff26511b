"""`make bench`: print the table. `--long` adds the ten-minute clip, about ten minutes of work."""

import argparse
import os
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from facepipe_tests.benchmarks import measures


def main() -> None:
    """Measure everything and print one row each: what, ours, peer, ratio, aim."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--long", action="store_true", help="measure memory on ten minutes too")
    options = parser.parse_args()
    table = Table("what", "ours", "peer", "ratio or value", "aim", "")
    with tempfile.TemporaryDirectory() as folder:
        for row in measures.all_rows(Path(folder), long=options.long):
            table.add_row(*row.cells())
    Console(width=150).print(f"{os.cpu_count()} cores")
    Console(width=150).print(table)


main()
