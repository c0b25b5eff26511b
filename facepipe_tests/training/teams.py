"""Jobs on drawn faces, and teams of two processes on the CPU that do them."""

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from facepipe.identity.embedding import builtin_embedder
from facepipe.identity.profile import build_profile
from facepipe.identity.settings import ProfileSettings
from facepipe.training.device import DeviceSettings
from facepipe.training.jobs import IdentityJob, LoraJob, write_job
from facepipe.training.team import Team
from facepipe_tests.training.conftest import TINY, TINY_LORA, people_faces

ON_CPU = DeviceSettings(device="cpu", threads=1, precision="fp32")
TEAM = "facepipe_tests.training.team_worker"


@dataclass
class Files:
    """What jobs read."""

    folder: Path

    def __post_init__(self):
        for name, faces in (
            ("faces", people_faces()),
            ("target", people_faces(colour=(90, 110, 170), seed=4)),
        ):
            faces.save(self.folder / name, pd.DataFrame())
        who = build_profile(
            "ann",
            people_faces(),
            builtin_embedder(),
            ProfileSettings(),
            datetime(2026, 1, 1, tzinfo=UTC),
        )
        who.save(self.folder / "profile.json")

    def identity(self, settings=TINY):
        return IdentityJob(
            self.folder / "faces", self.folder / "profile.json", self.folder / "models", settings
        )

    def lora(self, base, settings=TINY_LORA):
        return LoraJob(
            base, self.folder / "faces", self.folder / "profile.json", self.folder / "target",
            self.folder / "models", settings,
        )  # fmt: skip


def team_of(job, place, count=2, **environment):
    """Start a team in `place`, whose scratch folder it goes on from."""
    folder = place / "processes"
    shutil.rmtree(folder, ignore_errors=True)
    work = {"device": ON_CPU, "scratch": place / "scratch", "out": place / "out"}
    write_job(folder, job, work)
    return Team(folder, TEAM, count, environment)


def wait_for(team, seconds=120.0):
    """Until the team is done, or has had its time."""
    ends = time.monotonic() + seconds
    while team.is_working() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not team.is_working(), "still at work"
