"""A whole pair on which nothing changed, and as many empty assets of bare Dagster."""

import os
import subprocess
import sys
from pathlib import Path

from facepipe.synthetic.clips import write_clip
from facepipe.synthetic.scene import Clip
from facepipe_tests.end_to_end.conftest import Project

EMPTY = """
import dagster as dg

def chain(name, many):
    made = []
    people = dg.DynamicPartitionsDefinition(name=name)
    for index in range(many):
        @dg.asset(name=f"{name}_{index}", partitions_def=people, deps=made[-1:])
        def empty() -> dg.MaterializeResult:
            return dg.MaterializeResult(data_version=dg.DataVersion("1"))
        made.append(empty)
    return made

with dg.DagsterInstance.get() as instance:
    for name, many in (("identity", 8), ("target", 5), ("pair", 4)):
        instance.add_dynamic_partitions(name, ["one"])
        dg.materialize(chain(name, many), partition_key="one", instance=instance,
                       run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
"""


def made_pair(root: Path) -> Project:
    """Two synthetic people and their swap, with the smallest training that is one."""
    root.mkdir()
    project = Project(root)
    for side, name, seed in (("identity", "ada", 6), ("target", "ben", 43)):
        clip = root / f"{name}.mp4"
        write_clip(Clip(seeds=(seed,), size=256, frames=30, fps=25.0), clip)
        project.add(side, name, clip)
    project.swap("ada", "ben")
    return project


def run_empty(home: Path) -> None:
    """Seventeen assets that do nothing, in three runs of one fresh process."""
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    command = [sys.executable, "-c", EMPTY]
    subprocess.run(command, env=environment, check=True, capture_output=True)
