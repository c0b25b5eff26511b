"""An audit that looked nothing up never says that all is well."""

import json

import pytest

from facepipe_tests.audit import judged

FINE = {"name": "a", "version": "1", "vulns": []}
FLAWED = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([FINE], 0, "1 of 1 packages were looked up; 0 flaws"),
        ([FINE, UNKNOWN], 0, "1 of 2 packages were looked up; not c and others; 0 flaws"),
        ([FINE, FLAWED], 1, "b 2: PYSEC-1, mended in 3"),
        ([UNKNOWN, UNKNOWN], 0, "skipped"),
    ],
)
def test_the_code_and_the_words_tell_what_was_found(packages, code, words):
    given, lines = judged(json.dumps({"dependencies": packages}), "")
    assert given == code
    assert words in lines[0]


def test_a_database_out_of_reach_is_said():
    assert judged("", "ConnectionError: no route\nto host") == (
        0,
        [
            "audit skipped: the database of vulnerabilities was not reached: "
            "ConnectionError: no route to host"
        ],
    )
