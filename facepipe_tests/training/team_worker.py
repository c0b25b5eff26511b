"""One of the processes of the tests' teams: `python -m facepipe_tests.training.team_worker FOLDER`.

It leaves word of its weights, and dies or lets another error through where the test wants it.
"""

import os
import signal
import sys
from pathlib import Path

from facepipe.errors import ModelFileError
from facepipe.training import jobs, loop
from facepipe.training.average import trainable
from facepipe.training.batches import digest
from facepipe.training.stepping import Stepper
from facepipe.training.team import take_part


def no_model(*_asked):
    raise ModelFileError("tests look at faces without a landmarker")


ENDS = {"killed": lambda: os.kill(os.getpid(), signal.SIGKILL), "odd": lambda: 1 / 0}


def main(folder: Path) -> int:
    rank, closed, taken = os.environ["RANK"], loop._Training.close, Stepper.take
    steps = 0

    def close(training):
        closed(training)
        critic = training.stepper.parts.critic
        networks = [training.task.network, *([critic.network] if critic else [])]
        weights = [weight.detach() for each in networks for weight in trainable(each).values()]
        (folder / f"weights_{rank}").write_text(digest(*weights))

    def take(*given):
        nonlocal steps
        steps += 1
        if os.environ.get("ENDS_AT") == f"{rank} {steps}":
            ENDS[os.environ["ENDS"]]()
        return taken(*given)

    loop._Training.close, Stepper.take, jobs.ensure_model = close, take, no_model
    return take_part(folder, lambda _report: None)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
