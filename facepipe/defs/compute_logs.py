"""What a step prints is kept and shown by helper processes; Ctrl-C is not meant for them."""

import signal
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData

from facepipe.settings import dagster_home


class UndisturbedComputeLogs(LocalComputeLogManager):
    """Dagster's local logs, whose helpers end with the step and not by a key pressed.

    They share the terminal of `facepipe run`: interrupted on their own, one of them prints a
    traceback, and what the step says while it saves is not shown. `dagster.yaml` names this class.
    """

    @classmethod
    def config_type(cls) -> Any:
        """Nothing: the logs lie where Dagster has them by itself."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> "UndisturbedComputeLogs":
        """Logs in Dagster's home."""
        return cls(str(dagster_home() / "storage"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext]:
        """Within the block, what this process prints is kept as well."""
        with ExitStack() as captured:
            # helpers inherit what is blocked; what comes meanwhile reaches this process after
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                context = captured.enter_context(super().capture_logs(log_key))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield context
