"""The committed records of topics, read with `confluent-kafka`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from confluent_kafka import Consumer, KafkaError, TopicPartition

from benchmarks.api import RunError

__all__ = ["Place", "places", "values"]

_BATCH = 10_000
_WAIT_SECONDS = 0.1
_SILENCE_SECONDS = 30.0

Place: TypeAlias = tuple[str, int]
"""A topic and a partition of it."""


def places(bootstrap: str, topics: Sequence[str]) -> list[Place]:
    """Return all partitions of the topics, in order."""
    consumer = _consumer(bootstrap)
    try:
        known = consumer.list_topics(timeout=30).topics
    finally:
        consumer.close()
    return sorted((topic, partition) for topic in topics for partition in known[topic].partitions)


def values(bootstrap: str, where: Sequence[Place]) -> Iterator[list[bytes]]:
    """Yield the values of all committed records, from the first to the end of now. Raises RunError."""
    consumer = _consumer(bootstrap)
    try:
        consumer.assign([TopicPartition(topic, partition, 0) for topic, partition in where])
        yield from _to_the_end(consumer, set(where))
    finally:
        consumer.close()


def _consumer(bootstrap: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "log_level": 0,
            "group.id": "unused",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "check.crcs": True,
        }
    )


def _to_the_end(consumer: Consumer, open_ends: set[Place]) -> Iterator[list[bytes]]:
    heard = time.monotonic()
    while open_ends:
        # a short wait, since it ends early only when the batch is full
        messages = consumer.consume(_BATCH, timeout=_WAIT_SECONDS)
        if not messages and time.monotonic() - heard > _SILENCE_SECONDS:
            raise RunError(f"the broker sent nothing for {_SILENCE_SECONDS:.0f} s")
        if messages:
            heard = time.monotonic()
        found: list[bytes] = []
        for message in messages:
            error = message.error()
            if error is None:
                found.append(message.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                open_ends.discard((str(message.topic()), int(message.partition() or 0)))
            else:
                raise RunError(f"the records cannot be read back: {error}")
        yield found
