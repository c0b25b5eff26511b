"""Every bad input ends with its exit code and one line that helps; the table tells the truth."""

import re
import resource

import pytest

from facepipe_tests.end_to_end.conftest import landmark_model
from facepipe_tests.errors.cases import told
from facepipe_tests.errors.table import CASES, read

__all__ = ["landmark_model"]
MOST_BYTES = 1 << 30
VARYING = re.compile(
    r"\d+\.\d+|[0-9a-f]{16,}|\(.*\)|pid \d+|0x[0-9a-f]+|\d{4}-\d\d-\d\dT[\d:+.]+", re.ASCII
)
"""What differs from machine to machine or from version to version, and reasons of libraries."""


def peak_bytes():
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case.area}: {case.input}", marks=[pytest.mark.slow] * case.looks)
        for case in CASES
    ],
)
def test_it_ends_as_the_table_says(case, tmp_path, request):
    models = request.getfixturevalue("landmark_model") if case.looks else None
    before = peak_bytes()
    ended = told(case, tmp_path, models)
    assert peak_bytes() - before < MOST_BYTES
    assert (ended.code, case.said in ended.message) == (case.code, True), ended
    assert len(ended.message.splitlines()) == 1
    listed = read()[case.area, case.input]
    assert listed.code == ended.code
    assert VARYING.sub("", listed.message) == VARYING.sub("", ended.message)


def test_the_table_holds_every_case_once_in_order():
    assert [*read()] == [(case.area, case.input) for case in CASES]


ASKED = {
    "media": {
        "missing file", "empty file", "truncated video", "text called a video",
        "picture of 30000 x 30000 px", "sound without a picture", "more frames than the limit",
    },
    "names": {
        "name ..", "name with a bar", "name as an absolute path", "name in capitals",
        "unknown identity", "unknown target",
    },
    "settings": {"unknown preset", "unknown setting", "rank out of range"},
    "places": {
        "no room on the disk", "data root that may not be written", "relative DAGSTER_HOME",
        "landmark model neither fetchable nor buildable",
    },
    "consent": {
        "no record", "expired record", "record over other media", "record for another use",
        "record taken back", "media changed or added since", "damaged record",
    },
    "faces": {
        "video without a face", "fewer than 3 usable faces",
        "identity of two equally frequent people",
    },
    "training": {
        "learning rate that diverges", "rank above what a layer allows", "base of another hash",
        "adapter for another architecture", "profile from another embedder", "no usable face",
        "held-out set empty", "device out of memory", "disk full in mid-save",
        "two trainers on one state",
    },
    "swapper": {
        "model of another contract", "emap of another shape", "model that draws no numbers",
    },
    "masks": {"mask of another size than its frame"},
    "people": {"track that does not exist", "target without the mapped person"},
    "film": {
        "trim outside the clip", "encoder that is not available", "disk full in mid-encode",
        "chunk damaged since it was made",
    },
    "models": {
        "weights outside the model's folder", "opset that nobody knows yet",
        "weights that claim 256 GiB", "pickled .pth called .safetensors",
    },
    "provenance": {"film with one bit changed", "film written anew by another program"},
}  # fmt: skip


def test_what_people_get_wrong_is_tried():
    known = read()
    for area, inputs in ASKED.items():
        assert {given for where, given in known if where == area} >= inputs


def test_an_error_says_more_than_that_there_is_one():
    for (_, given), ended in read().items():
        assert len(ended.message.split()) >= 5, given
        assert "Traceback" not in ended.message
        assert ended.code in (0, 1, 2, 3, 4)
