"""Questions to the cluster that aiokafka's clients do not answer, or not safely.

Each takes a started `AIOKafkaClient`, retries what is retriable until its caller's time is up, and raises
`KafkaError` for the rest. They go out on the connection that carries no long poll.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    KafkaError,
    NotLeaderForPartitionError,
    StaleMetadata,
    UnknownTopicOrPartitionError,
)
from aiokafka.errors import for_code as error_for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.offset import OffsetRequest

__all__ = [
    "CommittedOffset",
    "check_code",
    "committed_offset",
    "end_offsets",
    "partition_leaders",
    "retried",
]

T = TypeVar("T")

_BACKOFF = 0.05
_LATEST = -1
_READ_UNCOMMITTED, _READ_COMMITTED = 0, 1


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """What a group committed for a partition; `metadata` is at most 4 KiB."""

    offset: int
    metadata: str


async def committed_offset(
    client: AIOKafkaClient, group: str, topic: str, partition: int
) -> CommittedOffset | None:
    """Return what `group` committed, None if it never did or the topic does not exist.

    aiokafka's admin client takes a coordinator that is still loading for a group that never committed: here
    no answer without an error is believed.
    """

    async def ask() -> CommittedOffset | None:
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        request = OffsetFetchRequest(group, [(topic, [partition])])
        response = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        check_code(response.error_code)
        found = {(name, p): rest for name, parts in response.topics for p, *rest in parts}
        offset, metadata, error_code = found[topic, partition]
        check_code(error_code)
        return None if offset < 0 else CommittedOffset(offset, metadata)

    return await retried(client, ask)


async def end_offsets(client: AIOKafkaClient, topic: str, *, committed: bool) -> dict[int, int]:
    """Return the offset after the last record of each partition; empty when the topic does not exist.

    `committed`: the last stable offset, which lies before the first transaction that is still open and may
    lag behind a commit that was just acknowledged. Else: the high watermark, after all acknowledged records.
    """

    known = _known_leaders(client, topic)  # of a client that has just written there; looked up if outdated

    async def ask() -> dict[int, int]:
        nonlocal known
        leaders, known = known or await _leaders(client, topic), {}
        by_node: dict[int, list[tuple[int, int]]] = {}
        for partition, leader in leaders.items():
            by_node.setdefault(leader, []).append((partition, _LATEST))
        ends: dict[int, int] = {}
        for node, partitions in by_node.items():
            isolation = _READ_COMMITTED if committed else _READ_UNCOMMITTED
            request = OffsetRequest(-1, isolation, [(topic, partitions)])
            response = await client.send(node, request, group=ConnectionGroup.COORDINATION)
            for _, answers in response.topics:
                for partition, error_code, _, offset, *_ in answers:
                    check_code(error_code)
                    ends[partition] = offset
        return ends

    return await retried(client, ask)


async def partition_leaders(client: AIOKafkaClient, topic: str) -> dict[int, int]:
    """Return the leader's node id of each partition; empty when the topic does not exist."""
    return await retried(client, lambda: _leaders(client, topic))


def _known_leaders(client: AIOKafkaClient, topic: str) -> dict[int, int]:
    partitions = client.cluster.partitions_for_topic(topic) or set()
    leaders = {p: client.cluster.leader_for_partition(TopicPartition(topic, p)) for p in partitions}
    known = all(leader not in (None, -1) for leader in leaders.values())
    return leaders if known else {}


async def _leaders(client: AIOKafkaClient, topic: str) -> dict[int, int]:
    request = MetadataRequest([topic], False)  # a cluster that makes topics at need must not make this one
    response = await client.send(client.get_random_node(), request)
    (answer,) = response.to_object()["topics"]
    if answer["error_code"] == UnknownTopicOrPartitionError.errno:
        return {}
    check_code(answer["error_code"])
    leaders = {p["partition"]: p["leader"] for p in answer["partitions"]}
    if -1 in leaders.values():
        raise NotLeaderForPartitionError(topic)
    if any(client.cluster.broker_metadata(node) is None for node in leaders.values()):
        raise StaleMetadata(topic)
    return leaders


async def retried(client: AIOKafkaClient, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the answer is not a retriable error. The caller bounds the time."""
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable:
                raise
            if error.invalid_metadata:
                client.force_metadata_update()
        await asyncio.sleep(_BACKOFF)


def check_code(code: int) -> None:
    """Raise the KafkaError of an error code; 0 is none."""
    if code:
        raise error_for_code(code)()
