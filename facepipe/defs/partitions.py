"""What the assets are cut into: one partition per identity, per target, and per pair of both."""

from typing import Literal

import dagster as dg

Side = Literal["identity", "target"]
SIDES: tuple[Side, ...] = ("identity", "target")

IDENTITY = dg.DynamicPartitionsDefinition(name="identity")
TARGET = dg.DynamicPartitionsDefinition(name="target")
PAIR = dg.MultiPartitionsDefinition({"identity": IDENTITY, "target": TARGET})

PARTITIONS: dict[Side, dg.DynamicPartitionsDefinition] = {"identity": IDENTITY, "target": TARGET}


def pair_key(identity: str, target: str) -> dg.MultiPartitionKey:
    """The partition key of a pair: `identity|target`."""
    return dg.MultiPartitionKey({"identity": identity, "target": target})


def names_in(partition_key: str) -> tuple[str, ...]:
    """The names a partition key stands for: `("alice",)` or `("alice", "clip1")`.

    >>> names_in("alice|clip1")
    ('alice', 'clip1')
    """
    return tuple(partition_key.split("|"))


def sides_of(key: str, partition_key: str) -> list[tuple[Side, str]]:
    """The people an asset's partition shows, by side.

    >>> sides_of("pair/lora_checkpoint", "alice|clip1")
    [('identity', 'alice'), ('target', 'clip1')]
    >>> sides_of("target/frames", "clip1")
    [('target', 'clip1')]
    """
    group = key.split("/")[0]
    sides: list[Side] = [side for side in SIDES if group in (side, "pair")]
    return list(zip(sides, names_in(partition_key), strict=False))
