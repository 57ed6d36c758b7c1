"""Sinks for tests, and the steps that all of them take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self

from connectors.api import Batch, Delivered, Position, Progress
from connectors.kafka.clients import ClientPool
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.framing import Codec, frame
from connectors.kafka.sink import JobTopics, KafkaSink, SinkTimeouts
from connectors.kafka.topics import TopicAdmin
from tests.harness import Topics

START = Progress(
    attempt=1, position=Position(), eof=False, delivered=0, rejected=0, offsets={}, size=10, mtime_ns=20
)


class NewSink:
    """Makes sinks in one namespace, by default of job `job`, on one pool; all are closed at its end."""

    def __init__(self, connection: KafkaConnection, namespace: str) -> None:
        self.connection = connection
        self.namespace = namespace
        self.admin = TopicAdmin(connection)
        self.clients = ClientPool(connection)
        self.made: list[KafkaSink] = []

    def __call__(
        self,
        *,
        job_id: str = "job",
        partitions: int = 1,
        dlq_always: bool = False,
        timeouts: SinkTimeouts | None = None,
    ) -> KafkaSink:
        topic = f"{self.namespace}_{job_id}"
        topics = JobTopics(topic, partitions, f"{topic}_dlq", 1, dlq_always=dlq_always)
        sink = KafkaSink(
            self.connection,
            self.admin,
            topics,
            namespace=self.namespace,
            job_id=job_id,
            timeouts=timeouts,
            clients=self.clients,
        )
        self.made.append(sink)
        return sink

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for sink in self.made:
            await sink.close()
        await self.admin.close()
        await self.clients.close()


async def begun(sink: KafkaSink, progress: Progress = START) -> KafkaSink:
    """Start a sink of a new job, with its topics and the start progress."""
    assert await sink.start() is None
    await sink.create_topics()
    await deliver(sink, [], progress)
    return sink


async def deliver(sink: KafkaSink, batches: list[Batch], progress: Progress) -> Delivered:
    await sink.begin()
    for batch in batches:
        await sink.send(batch)
    delivered = await sink.flush()
    await sink.commit(progress)
    return delivered


def one(value: bytes, partition: int = 0) -> list[Batch]:
    return frame([(None, value, [])], partition, Codec.ZSTD)


async def values(topics: Topics, topic: str) -> list[bytes]:
    return await asyncio.to_thread(topics.values, topic)


async def raised_by(call: Awaitable[object]) -> Exception | None:
    try:
        await call
    except Exception as error:  # noqa: BLE001 (the caller looks at it)
        return error
    return None
