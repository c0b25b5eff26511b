"""What assets share: the store, the device, and how a run executes its steps."""

import os
from typing import Any

import dagster as dg
from pydantic import Field

from facepipe.defs.storage import Store
from facepipe.settings import data_root, training_processes


class Device(dg.ConfigurableResource[Any]):
    """Where models are trained and run."""

    device: str = Field("auto", description="auto (cuda, else mps, else cpu), cuda, mps or cpu.")
    threads: int = Field(0, description="CPU threads; 0 takes all cores.", ge=0)
    precision: str = Field("auto", description="auto, fp32, bf16 or fp16; for training.")
    checkpointing: bool = Field(
        False, description="Compute residual blocks twice: training takes less memory, more time."
    )
    compile: bool = Field(False, description="Let torch compile the network before training.")
    processes: int = Field(
        1, description="Processes that train together, each on a GPU of this machine.", ge=1
    )

    def chosen(self) -> dict[str, Any]:
        """What `training.device.DeviceSettings` takes: all but how many processes there are."""
        return self.model_dump(exclude={"processes"})


@dg.definitions
def resources() -> dg.Definitions:
    """Steps of a run share one process: each starts in milliseconds and none is orphaned."""
    return dg.Definitions(
        resources={
            "store": Store(root=str(data_root())),
            "device": Device(
                device=os.environ.get("FACEPIPE_DEVICE", "auto"),
                threads=0,
                precision="auto",
                checkpointing=os.environ.get("FACEPIPE_CHECKPOINTING", "") not in ("", "0"),
                compile=False,
                processes=training_processes(),
            ),
        },
        executor=dg.in_process_executor,
    )
