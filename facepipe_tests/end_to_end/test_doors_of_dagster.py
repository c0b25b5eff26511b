"""Dagster's UI and its commands make nothing without consent: each tried as people use it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import pytest

from facepipe.defs.storage import Store
from facepipe_tests.defs.test_consent_doors import made, put_in, spoil
from facepipe_tests.end_to_end.conftest import Project

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).parents[2]
FLAWS = {
    "missing": r"'ada_missing' has no consent record: put one at",
    "expired": r"expired on 2026-01-02; ask",
    "revoked": r"was revoked on 2026-01-01; delete",
    "other use": r"allows publish but not train; ask",
}
AT_ONCE = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
code_servers: {local_startup_timeout: 600}  # a busy machine is not under test
"""
LAUNCH = """
mutation ($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}
"""
REPOSITORIES = """
{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }
"""
DELETE = "mutation ($id: String!) { deletePipelineRun(runId: $id) { __typename } }"
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


def named(flaw):
    return f"ada_{flaw.replace(' ', '_')}"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A data root with an identity for each flaw of a consent record, known to a Dagster."""
    root = tmp_path_factory.mktemp("doors") / "data"
    store, home = Store(root=str(root)), root / ".dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(AT_ONCE)
    for seed, flaw in enumerate(FLAWS):
        put_in(store, "identity", named(flaw), seed)
        spoil(store, "identity", named(flaw), flaw)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.add_dynamic_partitions("identity", [named(flaw) for flaw in FLAWS])
    return Project(root)


@contextmanager
def serving(project, *command):
    """The URL of the UI, as a process of its own with all that it starts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", *command, str(port)],
        env=project.environment, cwd=project.root, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # what the UI started and did not end
        server.wait()


def wait_for(url, server):
    for _ in range(1200):
        assert server.poll() is None, "the UI ended"
        try:
            urllib.request.urlopen(f"{url}/server_info", timeout=2)  # noqa: S310  always http
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail(f"{url} did not answer")


def ask(url, query, **variables):
    body = json.dumps({"query": query, "variables": variables}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/graphql", body, headers)  # noqa: S310  always http
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["data"]


def launched(url, partition):
    """What the UI says to a run of the frames of a person."""
    where = ask(url, REPOSITORIES)["repositoriesOrError"]["nodes"][0]
    params = {
        "selector": {
            "repositoryLocationName": where["location"]["name"],
            "repositoryName": where["name"],
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["identity", "frames"]}],
            "assetCheckSelection": [],
        },
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
    }
    return ask(url, LAUNCH, params=params)["launchRun"]


def why(instance, run_id):
    """The error a run ended with, once it has ended."""
    for _ in range(1200):
        if instance.get_run_by_id(run_id).status.value in ENDED:
            break
        time.sleep(0.25)
    events = [entry.dagster_event for entry in instance.all_logs(run_id)]
    (failed,) = [event for event in events if event and event.is_step_failure]
    return failed.step_failure_data.error.cause


def test_a_run_that_the_ui_launches_makes_nothing(project):
    with (
        dg.DagsterInstance.from_config(str(project.root / ".dagster")) as instance,
        serving(project, "dagster_webserver", "-m", "facepipe.definitions", "-p") as url,
    ):
        runs = {flaw: launched(url, named(flaw)) for flaw in ("missing", "revoked")}
        for flaw, run in runs.items():
            assert run["__typename"] == "LaunchRunSuccess", run
            error = why(instance, run["run"]["runId"])
            assert error.cls_name == "ConsentError"
            assert re.search(FLAWS[flaw], error.message)
            assert len(error.message.strip().splitlines()) == 1
    assert made(Store(root=str(project.root))) == []


def test_the_ui_that_only_shows_launches_nothing_and_deletes_nothing(project):
    with serving(project, "facepipe.cli", "ui", "--read-only", "--port") as url:
        assert launched(url, named("revoked"))["__typename"] == "UnauthorizedError"
        (answer,) = ask(url, DELETE, id="0").values()
        assert answer["__typename"] == "UnauthorizedError"


@pytest.mark.parametrize("flaw", ["expired", "other use"])
def test_dg_launch_makes_nothing(project, flaw):
    done = subprocess.run(
        [sys.executable, "-m", "dagster_dg_cli.cli", "launch", "--assets", "identity/frames",
         "--partition", named(flaw)],
        env=project.environment, cwd=REPOSITORY, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert re.search(f"ConsentError: .*{FLAWS[flaw]}", done.stdout + done.stderr)
    assert made(Store(root=str(project.root))) == []
