"""All cases, and the table they make."""

from collections.abc import Sequence
from pathlib import Path

from facepipe_tests.errors import given, hostile, people, provenance, swaps, trainings
from facepipe_tests.errors.cases import Case, Told

TABLE = Path(__file__).parents[2] / "docs" / "errors.md"
CASES: tuple[Case, ...] = (
    *given.CASES, *people.CASES, *trainings.CASES, *swaps.CASES, *hostile.CASES,
    *provenance.CASES,
)  # fmt: skip
HEAD = """\
# What facepipe says of bad input

Each line was made by trying it: `python -m facepipe_tests.errors` writes this table anew, and a
test tries every line again. The command ends with the exit code and says one line; paths are shown
without their folder. Code 0 means that work goes on, and that the line is noted.

| area | input | exit | message |
|---|---|---|---|
"""


def row(case: Case, ended: Told) -> str:
    """A case's line of the table; what cannot stand in one is taken out."""
    message = ended.message.replace("|", "\\|").replace("<", "&lt;")
    return f"| {case.area} | {case.input.replace('|', chr(92) + '|')} | {ended.code} | {message} |"


def written(rows: Sequence[str]) -> str:
    """The whole document."""
    return HEAD + "\n".join(rows) + "\n"


def read() -> dict[tuple[str, str], Told]:
    """The table as it stands, by area and input."""
    found: dict[tuple[str, str], Told] = {}
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.replace("\\|", "\0").split("|")[1:-1]]
        if len(cells) == 4 and cells[2].isdigit():
            area, given_, code, message = (cell.replace("\0", "|") for cell in cells)
            found[area, given_] = Told(int(code), message.replace("&lt;", "<"))
    return found
