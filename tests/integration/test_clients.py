"""Jobs take over each other's connections, and nothing else of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.kafka.clients import ClientPool
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.sink import KafkaSink
from tests.conftest import Broker
from tests.harness import Topics
from tests.integration.sinks import START, NewSink, begun, deliver, one, values

pytestmark = pytest.mark.broker

ROW = replace(START, delivered=1)


@pytest.fixture
async def new_sink(broker: Broker, namespace: str) -> AsyncIterator[NewSink]:
    async with NewSink(KafkaConnection(broker.address), namespace) as new:
        yield new


def sockets() -> set[str]:
    """The sockets of this process, told apart by their inodes."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue  # that of the listing
        if target.startswith("socket:"):
            found.add(target)
    return found


def sockets_of(sink: KafkaSink) -> set[str]:
    client = sink._client
    assert client is not None
    connections = [connection._writer.get_extra_info("socket") for connection in client._conns.values()]
    return {str(Path(f"/proc/self/fd/{connection.fileno()}").readlink()) for connection in connections}


async def test_the_next_job_opens_no_connection(new_sink: NewSink, topics: Topics, namespace: str) -> None:
    first = await begun(new_sink(job_id="a"))
    await deliver(first, one(b"of a"), ROW)
    used = sockets_of(first)
    await first.close()
    second = await begun(new_sink(job_id="b"))
    await deliver(second, one(b"of b"), ROW)
    assert sockets_of(second) == used
    await second.close()
    assert await values(topics, f"{namespace}_a") == [b"of a"]
    assert await values(topics, f"{namespace}_b") == [b"of b"]


async def test_two_jobs_never_share_a_connection_at_once(new_sink: NewSink) -> None:
    first = await begun(new_sink(job_id="a"))
    second = await begun(new_sink(job_id="b"))
    assert not sockets_of(first) & sockets_of(second)
    await first.close()
    await second.close()


async def test_a_connection_outlives_no_transaction_that_broke_off(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    first = await begun(new_sink(job_id="a"))
    await first.begin()
    await first.send(one(b"never seen")[0])
    used = sockets_of(first)
    await first.close()
    second = await begun(new_sink(job_id="b"))
    assert not used & sockets()
    await deliver(second, one(b"of b"), ROW)
    await second.close()
    assert await values(topics, f"{namespace}_a") == []
    assert await values(topics, f"{namespace}_b") == [b"of b"]


async def test_what_nobody_wants_is_disconnected(new_sink: NewSink) -> None:
    new_sink.clients = ClientPool(new_sink.connection, idle_seconds=0.05)
    sink = await begun(new_sink())
    used = sockets_of(sink)
    await sink.close()
    async with asyncio.timeout(10):
        while used & sockets():
            await asyncio.sleep(0.01)


async def test_a_closed_pool_keeps_nothing(new_sink: NewSink) -> None:
    first, second = await begun(new_sink(job_id="a")), await begun(new_sink(job_id="b"))
    used = sockets_of(first) | sockets_of(second)
    await first.close()
    await new_sink.clients.close()
    await second.close()
    assert not used & sockets()
