"""Each run leaves one log, bounded, in words; it holds no secret and goes with its person."""

import logging

import pytest

from facepipe.defs import run_logs
from facepipe.defs.run_logs import follow, forget_log, without_secrets


@pytest.fixture
def log():
    log = logging.Logger("run")
    yield log
    log.handlers.clear()


def test_all_that_a_run_says_stands_in_its_one_file(tmp_path, log):
    follow(log, tmp_path, "run-1")
    follow(log, tmp_path, "run-1")
    log.info("step %d of %d", 3, 10)
    log.debug("not this")
    again = logging.Logger("next step of the same run")
    follow(again, tmp_path, "run-1")
    again.error("two\nlines")
    (file,) = tmp_path.iterdir()
    lines = file.read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["INFO step 3 of 10", "ERROR two lines"]
    assert file.name.endswith("-run-1.log")


def test_no_more_files_and_no_larger_ones_than_allowed(tmp_path, log, monkeypatch):
    monkeypatch.setattr(run_logs, "_MOST_FILES", 3)
    monkeypatch.setattr(run_logs, "_MOST_BYTES", 300)
    for number in range(5):
        log.handlers.clear()
        (tmp_path / f"2020010{number}T000000Z-old-{number}.log").write_text("x")
        follow(log, tmp_path, f"run-{number}")
        for _ in range(20):
            log.info("a line of some length")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert any(name.endswith("run-4.log") for name in names)
    assert all(path.stat().st_size < 400 for path in tmp_path.iterdir())


def test_the_file_of_a_run_goes_with_the_run(tmp_path, log):
    follow(log, tmp_path, "run-1")
    log.info("x")
    forget_log(tmp_path, "run-2")
    assert len(list(tmp_path.iterdir())) == 1
    forget_log(tmp_path, "run-1")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("password=hunter2 kept", "password=*** kept"),
        ('{"api_key": "k-123", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("Authorization: Bearer abcdefgh1234", "Authorization: Bearer ***"),
        ("s3://key:secret@host/bucket", "s3://***@host/bucket"),
        (f"embedding {'Qk1' * 100}", "embedding ***"),
        ("12 of 30 frames, loss 0.25", "12 of 30 frames, loss 0.25"),
    ],
)
def test_what_looks_like_a_secret_is_not_written(said, written):
    assert without_secrets(said) == written


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path, log, monkeypatch, capsys):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    follow(log, tmp_path / "logs", "run-1")
    (tmp_path / "logs").rmdir()
    log.info("into the void")
