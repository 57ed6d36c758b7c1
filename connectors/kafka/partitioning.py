"""Which partition a record goes to. The same on every worker, at every resume."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

__all__ = ["partition_of_block", "partition_of_key"]


def partition_of_key(key: bytes, partitions: int) -> int:
    """Return the partition of a key as Kafka's own producer chooses it (`Utils.murmur2`)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def partition_of_block(block: int, partitions: int) -> int:
    """Return the partition of the records without a key of block number `block`."""
    return block % partitions
