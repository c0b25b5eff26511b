"""One small pair of synthetic people, made once through the command line for all tests here."""

import io
import os
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from facepipe.cli.app import _add_commands as add_commands
from facepipe.cli.app import exit_code_of
from facepipe.synthetic.clips import write_clip
from facepipe.synthetic.scene import Clip
from facepipe_tests.end_to_end.inputs import working_in
from facepipe_tests.sharing import landmark_wheel, once

TINY = (
    "identity/checkpoint.epochs=2", "identity/checkpoint.steps_per_epoch=3",
    "identity/checkpoint.width=8", "identity/checkpoint.blocks=1",
    "pair/lora_checkpoint.epochs=2", "pair/lora_checkpoint.steps_per_epoch=3",
    "pair/lora_checkpoint.rank=4",
)  # fmt: skip

add_commands()


@dataclass(frozen=True)
class Project:
    """A data root and the commands that work on it."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        ours = ("FACEPIPE_", "DAGSTER_")
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
            "FACEPIPE_DATA": str(self.root),
            "DAGSTER_HOME": str(self.root / ".dagster"),
        }

    def tell(self, *arguments, code=0) -> str:
        """Run `facepipe` in this process, which saves loading it; both its outputs together."""
        told = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(told), redirect_stderr(told):
            for name in set(os.environ) - set(self.environment):
                patch.delenv(name)
            for name in ("FACEPIPE_DATA", "DAGSTER_HOME"):
                patch.setenv(name, self.environment[name])
            patch.chdir(self.root)
            ended = exit_code_of([str(argument) for argument in arguments])
        assert ended == code, f"exit {ended}: {told.getvalue()[-3000:]}"
        return told.getvalue()

    def run(self, *arguments, code=0) -> subprocess.CompletedProcess[str]:
        """Run `facepipe` as a process of its own; check its exit code and that it fails quietly."""
        done = subprocess.run(
            [sys.executable, "-m", "facepipe.cli", *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            cwd=self.root,
        )
        assert done.returncode == code, f"exit {done.returncode}: {done.stderr[-3000:]}"
        assert "Traceback" not in done.stderr
        return done

    def add(self, side, name, *media, scope=("train", "swap")):
        """Give media a consent record and add them."""
        record = self.root / f"{name}.consent.json"
        self.tell(
            "consent", "new", "--subject", name, "--scope", *scope, "--expires", "2099-12-31",
            "--media", *media, "-o", record,
        )  # fmt: skip
        self.tell("add", side, name, *media, "--consent", record)

    def swap(self, identity, target, *settings):
        """Run a pair with the smallest training that is one."""
        options = [part for setting in (*TINY, *settings) for part in ("--set", setting)]
        return self.run("run", identity, target, *options)

    def place(self, key, *names) -> Path:
        """Where an asset is published."""
        return self.root.joinpath("assets", *key.split("/"), *names)


@pytest.fixture(scope="session")
def landmark_model(tmp_path_factory) -> Path:
    """A models folder that holds the landmark model, fetched or built once."""
    from facepipe.inference.models import ensure_model

    def make(models):
        wheel = models / landmark_wheel(tmp_path_factory).name
        wheel.symlink_to(landmark_wheel(tmp_path_factory))
        ensure_model("face_landmarker", models)
        wheel.unlink()

    return once(tmp_path_factory, "landmark-model", make)


@pytest.fixture
def empty(tmp_path, landmark_model) -> Project:
    """A data root with nothing in it but the landmark model."""
    shutil.copytree(landmark_model, tmp_path / "models")
    return Project(tmp_path)


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> dict[str, Path]:
    """Two short clips of synthetic people."""

    def make(folder):
        for name, seed in (("ada", 6), ("ben", 43)):
            write_clip(Clip(seeds=(seed,), size=256, frames=30, fps=25.0), folder / f"{name}.mp4")

    folder = once(tmp_path_factory, "clips", make)
    return {name: folder / f"{name}.mp4" for name in ("ada", "ben")}


@pytest.fixture(scope="module")
def made(tmp_path_factory, landmark_model, clips) -> Project:
    """A data root in which the pair ada and ben is made, for one file of tests to change."""

    def make(root):
        shutil.copytree(landmark_model, root / "models")
        project = Project(root)
        project.add("identity", "ada", clips["ada"])
        project.add("target", "ben", clips["ben"])
        project.swap("ada", "ben")

    root = tmp_path_factory.mktemp("made") / "data"
    shutil.copytree(once(tmp_path_factory, "made-pair", make), root, symlinks=True)
    return Project(root)


@pytest.fixture
def root(tmp_path, landmark_model):
    """A data root of its own, with the landmark model."""
    with working_in(tmp_path, landmark_model) as root:
        yield root


@pytest.fixture
def fails(capsys):
    """Run a command in this process and return the one line it failed with."""

    def run(code, *arguments):
        capsys.readouterr()
        assert exit_code_of([str(argument) for argument in arguments]) == code
        lines = capsys.readouterr().err.strip().splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1, lines
        assert lines[-1] == errors[0]
        return errors[0]

    return run
