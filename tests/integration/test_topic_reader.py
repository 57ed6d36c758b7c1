"""Committed records as HTTP will show them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from connectors.api import Position, Progress
from connectors.errors import RetriableError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.framing import Codec, RecordParts, frame
from connectors.kafka.reader import TopicReader, TopicRecord
from connectors.kafka.sink import JobTopics, KafkaSink
from connectors.kafka.topics import TopicAdmin
from tests.conftest import Broker

pytestmark = pytest.mark.broker

BOTH = {0: 0, 1: 0}

PROGRESS = Progress(
    attempt=1, position=Position(), eof=False, delivered=0, rejected=0, offsets={}, size=1, mtime_ns=1
)


@pytest.fixture
def connection(broker: Broker) -> KafkaConnection:
    return KafkaConnection(broker.address)


@pytest.fixture
def topic(namespace: str) -> str:
    return f"{namespace}_job"


@pytest.fixture
async def sink(connection: KafkaConnection, namespace: str, topic: str) -> AsyncIterator[KafkaSink]:
    """A started sink of a topic of two partitions that does not exist yet."""
    admin = TopicAdmin(connection)
    sink = KafkaSink(
        connection, admin, JobTopics(topic, 2, f"{topic}_dlq", 1), namespace=namespace, job_id="job"
    )
    await sink.start()
    yield sink
    await sink.close()
    await admin.close()


async def send(sink: KafkaSink, parts: Sequence[RecordParts], partition: int = 0) -> None:
    await sink.begin()
    for batch in frame(parts, partition, Codec.ZSTD):
        await sink.send(batch)
    await sink.flush()


async def read_until(reader: TopicReader, count: int) -> list[TopicRecord]:
    """Read until there are `count` records; what comes beyond fails the caller's comparison."""
    records: list[TopicRecord] = []
    async with asyncio.timeout(30):
        while len(records) < count:
            records += await reader.read(1.0)
    return records


async def read_to_end(reader: TopicReader) -> list[TopicRecord]:
    """As HTTP does: until the positions have reached the committed ends."""
    ends = await reader.committed_end()
    records: list[TopicRecord] = []
    async with asyncio.timeout(30):
        while any(reader.positions.get(p, 0) < end for p, end in ends.items()):
            records += await reader.read(1.0)
    return records


async def test_records_come_whole(connection: KafkaConnection, sink: KafkaSink, topic: str) -> None:
    before = time.time() * 1000
    await sink.create_topics()
    await send(sink, [(None, b'{"a":1}', []), (b"k", b"", [("batch.row", b"2")])], partition=1)
    await sink.commit(PROGRESS)
    async with TopicReader(connection, topic, BOTH) as reader:
        first, second = await read_until(reader, 2)
    assert (first.partition, first.offset, first.key, first.value) == (1, 0, None, b'{"a":1}')
    assert first.headers == ()
    assert (second.partition, second.offset, second.key, second.value) == (1, 1, b"k", b"")
    assert second.headers == (("batch.row", b"2"),)
    assert abs(first.timestamp_ms - before) < 60_000


async def test_positions_pass_the_markers(connection: KafkaConnection, sink: KafkaSink, topic: str) -> None:
    await sink.create_topics()
    for n in range(3):
        await send(sink, [(None, b"%d" % n, [])], partition=n % 2)
        await sink.commit(PROGRESS)
    async with TopicReader(connection, topic, BOTH) as reader:
        # three records and three markers
        async with asyncio.timeout(30):
            while sum((await reader.committed_end()).values()) < 6:
                pass
        records = await read_to_end(reader)
        assert reader.positions == {0: 4, 1: 2}
    assert sorted((r.partition, r.offset, r.value) for r in records) == [
        (0, 0, b"0"),
        (0, 2, b"2"),
        (1, 0, b"1"),
    ]


async def test_it_reads_what_it_is_told_from_where_it_is_told(
    connection: KafkaConnection, sink: KafkaSink, topic: str
) -> None:
    await sink.create_topics()
    await send(sink, [(None, b"%d" % n, []) for n in range(10)])
    await sink.commit(PROGRESS)
    await send(sink, [(None, b"other", [])], partition=1)
    await sink.commit(PROGRESS)
    async with TopicReader(connection, topic, {0: 7}) as reader:
        assert reader.positions == {0: 7}
        records = await read_until(reader, 3)
    assert [(r.offset, r.value) for r in records] == [(7, b"7"), (8, b"8"), (9, b"9")]


async def test_no_more_than_asked_for_at_once(
    connection: KafkaConnection, sink: KafkaSink, topic: str
) -> None:
    await sink.create_topics()
    await send(sink, [(None, b"%d" % n, []) for n in range(10)])
    await sink.commit(PROGRESS)
    async with TopicReader(connection, topic, BOTH) as reader:
        pages = [await reader.read(5.0, max_records=4) for _ in range(3)]
    assert [[r.value for r in page] for page in pages] == [
        [b"0", b"1", b"2", b"3"],
        [b"4", b"5", b"6", b"7"],
        [b"8", b"9"],
    ]


async def test_only_what_is_committed_and_at_once(
    connection: KafkaConnection, sink: KafkaSink, topic: str
) -> None:
    await sink.create_topics()
    async with TopicReader(connection, topic, BOTH) as reader:
        await send(sink, [(None, b"row", [])])
        assert await reader.read(0.3) == []
        assert ((await reader.committed_end())[0], (await reader.written_end())[0]) == (0, 1)
        reading = asyncio.create_task(reader.read(20.0))
        await sink.commit(PROGRESS)
        committed = time.monotonic()
        (record,) = await reading
        # a second is what `batch job tail` promises; 0.1 s is usual
        assert time.monotonic() - committed < 1.0
        assert record.value == b"row"


async def test_what_was_aborted_is_passed_over(
    connection: KafkaConnection, sink: KafkaSink, topic: str
) -> None:
    await sink.create_topics()
    await send(sink, [(None, b"aborted", [])])
    await sink.close()
    async with TopicReader(connection, topic, BOTH) as reader:
        async with asyncio.timeout(30):
            while (await reader.committed_end())[0] < 2:
                pass
        assert await read_to_end(reader) == []
        assert reader.positions[0] == 2


async def test_a_topic_that_comes_later(connection: KafkaConnection, sink: KafkaSink, topic: str) -> None:
    async with TopicReader(connection, topic, BOTH) as reader:
        assert await reader.read(0.0) == []
        assert await reader.committed_end() == {}
        assert reader.positions == {}
        reading = asyncio.create_task(reader.read(20.0))
        await sink.create_topics()
        await send(sink, [(None, b"row", [])])
        await sink.commit(PROGRESS)
        records = await reading or await read_until(reader, 1)
        assert [r.value for r in records] == [b"row"]


async def test_no_broker_is_an_error(topic: str) -> None:
    with pytest.raises(RetriableError, match=topic):
        await TopicReader(KafkaConnection("127.0.0.1:1"), topic, {}).__aenter__()


async def test_it_reads_on_when_the_broker_is_back(own_broker: Broker, namespace: str, topic: str) -> None:
    own_broker.start()
    connection = KafkaConnection(own_broker.address)
    admin = TopicAdmin(connection)

    async def deliver(value: bytes) -> None:
        topics = JobTopics(topic, 1, f"{topic}_dlq", 1)
        while True:
            sink = KafkaSink(connection, admin, topics, namespace=namespace, job_id="job")
            try:
                await sink.start()
                await sink.create_topics()
                await send(sink, [(None, value, [])])
                await sink.commit(PROGRESS)
            except RetriableError:
                continue
            else:
                return
            finally:
                await sink.close()

    await deliver(b"before")
    async with TopicReader(connection, topic, BOTH) as reader:
        assert [r.value for r in await read_until(reader, 1)] == [b"before"]
        await asyncio.to_thread(own_broker.stop)
        assert await reader.read(0.2) == []
        with pytest.raises(RetriableError, match=topic):
            await reader.committed_end()
        await asyncio.to_thread(own_broker.start)
        await deliver(b"after")
        assert [r.value for r in await read_until(reader, 1)] == [b"after"]
    await admin.close()
