"""The command line begins at once, and each way to fail is one line that a user can act on."""

import json
import os
import signal
import subprocess
import sys

import pytest
import sqlalchemy

from facepipe.cli.app import ending

HEAVY = ("av", "cv2", "mediapipe", "numpy", "onnxruntime", "pandas", "PIL", "scipy", "torch")
LOADED = """
import json, sys
from facepipe.cli import app
app._add_commands()
print(json.dumps(list(sys.modules)))
"""


def test_no_command_loads_a_heavy_library_before_it_runs():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(json.loads(done.stdout))


STOPPED = """
import os, signal, sys
from facepipe.cli import app, main

def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)

if sys.argv[1] == "before it":
    app.read_dotenv = stop
else:
    app.app.command("stop")(stop)
main(["stop"])
"""


@pytest.mark.parametrize("when", ["before it", "in it"])
def test_sigterm_ends_a_command_as_ctrl_c_does(when):
    command = [sys.executable, "-c", STOPPED, when]
    done = subprocess.run(command, capture_output=True, text=True)
    said = "error: interrupted; run the same command again to go on\n"
    assert (done.returncode, done.stderr) == (130, said)


HEARING = """
import runpy, signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts aside ignores it
runpy.run_module("facepipe.cli", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_stopped_while_its_libraries_load_says_so_in_one_line(number, tmp_path):
    (tmp_path / "dagster.py").write_text("import time; print('loading', flush=True); time.sleep(9)")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", HEARING, "list"]
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.send_signal(number)
        said = process.communicate()[1]
    assert process.returncode == 130
    assert said == "error: interrupted; run the same command again to go on\n"


def test_a_disk_that_is_full_under_dagsters_database_is_said_without_its_statement():
    with sqlalchemy.create_engine("sqlite://").connect() as base:
        base.exec_driver_sql("PRAGMA max_page_count = 2")
        base.exec_driver_sql("CREATE TABLE told (what)")
        with pytest.raises(sqlalchemy.exc.OperationalError) as refusal:
            base.exec_driver_sql("INSERT INTO told VALUES (?)", ("secret" * 9999,))
    message, code = ending(refusal.value)
    assert code == 2
    assert "database or disk is full" in message
    assert "free space" in message
    assert "secret" not in message
    assert "INSERT" not in message


def test_a_database_that_cannot_be_read_says_what_moving_it_away_costs(tmp_path):
    (tmp_path / "runs.db").write_bytes(b"nothing of SQLite's" * 99)
    base = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'runs.db'}").connect()
    with base, pytest.raises(sqlalchemy.exc.DatabaseError) as refusal:
        base.exec_driver_sql("SELECT * FROM secrets")
    message, code = ending(refusal.value)
    assert code == 1
    assert "file is not a database" in message
    assert "the history of runs is lost" in message
    assert "secrets" not in message
