"""A run of Dagster's own that trains and then swaps is refused before it trains."""

import dagster as dg
import pytest

from facepipe.defs.resources import Device
from facepipe.defs.storage import NotBuiltError, Store
from facepipe.defs.swapping import pair_swapped_video
from facepipe.defs.training import pair_lora_checkpoint
from facepipe.errors import BadInputError
from facepipe_tests.cli.granting import put_in

CONFIG = {"ops": {"pair__swapped_video": {"config": {"enhancer": "gone.onnx"}}}}


@pytest.fixture
def made(tmp_path):
    """What an attempt at these assets raises, of a pair of which nothing is made."""
    store = Store(root=str(tmp_path))
    put_in(store, identity="ann", target="bob")

    def attempt(*assets, config):
        with dg.instance_for_test() as instance:
            instance.add_dynamic_partitions("identity", ["ann"])
            instance.add_dynamic_partitions("target", ["bob"])
            dg.materialize(
                assets,
                partition_key="ann|bob",
                instance=instance,
                resources={"store": store, "device": Device(device="cpu", threads=1)},
                run_config=config,
            )

    return attempt


def test_a_training_before_a_swap_that_cannot_be_made_is_refused(made):
    with pytest.raises(BadInputError, match="no such file"):
        made(pair_lora_checkpoint, pair_swapped_video, config=CONFIG)


def test_a_training_alone_asks_for_nothing_of_a_swap(made):
    with pytest.raises(NotBuiltError):
        made(pair_lora_checkpoint, config={})
