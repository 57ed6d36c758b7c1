"""Exactly once on a real broker. What stands in the topics is read back by another client."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from connectors.api import Delivered, Position, Progress, Redo
from connectors.errors import FencedError, JobCode, JobError, RetriableError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.framing import Codec, RecordParts, frame
from connectors.kafka.sink import SinkTimeouts
from tests.conftest import Broker
from tests.harness import Topics
from tests.integration.sinks import START, NewSink, begun, deliver, one, raised_by, values

pytestmark = pytest.mark.broker


@pytest.fixture
async def new_sink(broker: Broker, namespace: str) -> AsyncIterator[NewSink]:
    async with NewSink(KafkaConnection(broker.address), namespace) as new:
        yield new


# progress


async def test_a_job_without_topic_has_no_progress(new_sink: NewSink) -> None:
    assert await new_sink().start() is None


async def test_progress_comes_back_as_it_was_committed(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    progress = Progress(
        attempt=2,
        position=Position(byte=2**40, row=1_000, line=1_200, block=17, row_group=3),
        eof=True,
        delivered=990,
        rejected=10,
        offsets={0: (5, 995)},
        size=2**30,
        mtime_ns=1_795_571_805_208_123_456,
        partitions=3,
        file_bytes=2**39,
        dead_letters=(4, 9),
        base=(700, 6),
        redo=Redo(attempt=2, end=7, again=1),
    )
    sink = await begun(new_sink(dlq_always=True))
    await deliver(sink, one(b"row"), progress)
    await sink.close()

    assert await new_sink().start() == progress
    committed = await asyncio.to_thread(topics.committed, f"{namespace}-job", f"{namespace}_job")
    assert committed == 1_000  # rows read


async def test_progress_of_64_partitions_fits_the_brokers_4_kib(new_sink: NewSink) -> None:
    longest = 2**63 - 1
    progress = Progress(
        attempt=2**31,
        position=Position(longest, longest, longest, longest, longest),
        eof=False,
        delivered=2**62,
        rejected=2**61,
        offsets=dict.fromkeys(range(64), (longest, longest)),
        size=longest,
        mtime_ns=longest,
        partitions=64,
        file_bytes=longest,
        dead_letters=(longest, longest),
        base=(longest, longest),
        redo=Redo(attempt=2**31, end=longest, again=longest),
    )
    sink = await begun(new_sink(partitions=64, dlq_always=True))
    batches = [batch for p in range(64) for batch in one(b"%d" % p, p)]
    assert await deliver(sink, batches, progress) == Delivered(dict.fromkeys(range(64), (0, 1)))
    await sink.close()
    again = new_sink(partitions=64)
    assert await again.start() == progress
    ends = await again.end_offsets()
    assert set(ends) == set(range(64))
    assert min(ends.values()) >= 1


async def test_progress_is_never_stale_after_start(new_sink: NewSink) -> None:
    await begun(new_sink())
    for row in range(1, 21):
        sink = new_sink()
        found = await sink.start()
        assert found is not None
        assert found.delivered == row - 1
        await deliver(sink, one(b"x"), replace(START, delivered=row))


async def test_spans_are_first_offset_and_offset_after_the_last(new_sink: NewSink) -> None:
    sink = await begun(new_sink(partitions=2))
    assert await deliver(sink, [*one(b"a", 1), *one(b"b", 1)], START) == Delivered({1: (0, 2)})
    # the marker of the transaction before took offset 2
    assert await deliver(sink, [*one(b"c", 1), *one(b"d", 0)], START) == Delivered({0: (0, 1), 1: (3, 4)})
    assert (await sink.end_offsets())[1] >= 4


async def test_end_offsets_cover_what_was_just_committed(new_sink: NewSink) -> None:
    sink = await begun(new_sink())
    for _ in range(20):
        delivered = await deliver(sink, one(b"x"), START)
        assert (await sink.end_offsets())[0] >= delivered.spans[0][1]


async def test_end_offsets_tell_a_topic_that_was_made_again(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    topic = f"{namespace}_job"
    sink = await begun(new_sink())
    delivered = await deliver(sink, [*one(b"x"), *one(b"y")], replace(START, delivered=2))
    assert delivered == Delivered({0: (0, 2)})
    await asyncio.to_thread(topics.admin.delete_topics([topic])[topic].result, 30)
    async with asyncio.timeout(30):
        while await sink.end_offsets():
            pass
    await sink.create_topics()
    assert (await sink.end_offsets())[0] < 2


# finished batches, as librdkafka reads them


@pytest.mark.parametrize("codec", list(Codec))
async def test_batches_decode_in_other_clients(
    codec: Codec, new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    parts: list[RecordParts] = [
        (None, b'{"n":0}', []),
        (b"", b"", []),
        ("schlüssel".encode(), '{"text":"€"}'.encode() * 50, [("batch.row", b"2"), ("empty", b"")]),
        *[(b"%d" % n, b'{"n":%d,"pad":"%s"}' % (n, b"x" * 100), []) for n in range(20_000)],
    ]
    reject: RecordParts = (None, b'{"row":1}', [("__connect.errors.stage", b"VALUE_CONVERTER")])
    sink = await begun(new_sink())
    await sink.begin()
    batches = frame(parts, 0, codec)
    assert len(batches) > 1
    for batch in batches:
        await sink.send(batch)
    for batch in frame([reject], 0, codec):
        await sink.send_rejects(batch)
    before = time.time() * 1000
    assert await sink.flush() == Delivered({0: (0, 20_003)}, (0, 1))
    await sink.commit(START)

    stored = await asyncio.to_thread(topics.read, f"{namespace}_job")
    assert [(r.key(), r.value(), r.headers() or []) for r in stored] == [tuple(part) for part in parts]
    assert [r.offset() for r in stored] == list(range(20_003))
    kind, stamp = stored[0].timestamp()
    assert kind == 2  # stamped by the broker
    assert abs(stamp - before) < 60_000
    (dead,) = await asyncio.to_thread(topics.read, f"{namespace}_job_dlq")
    assert (dead.key(), dead.value(), dead.headers()) == reject


async def test_the_largest_row_fits_the_brokers_defaults(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    noise = random.Random(4).randbytes(900_000)
    sink = await begun(new_sink())
    await deliver(sink, frame([(None, noise, [])], 0, Codec.ZSTD), START)
    assert await values(topics, f"{namespace}_job") == [noise]


async def test_much_is_never_in_flight_at_once(new_sink: NewSink, topics: Topics, namespace: str) -> None:
    rng = random.Random(5)
    rows = [rng.randbytes(800_000) for _ in range(30)]
    sink = await begun(new_sink(partitions=3))
    await sink.begin()
    for n, row in enumerate(rows):
        for batch in frame([(None, row, [])], n % 3, Codec.NONE):
            await sink.send(batch)
        assert sink._deliveries.bytes_in_flight < 9_000_000
    assert await sink.flush() == Delivered(dict.fromkeys(range(3), (0, 10)))
    await sink.commit(START)
    assert sorted(await values(topics, f"{namespace}_job")) == sorted(rows)


# topics


async def test_the_dead_letter_topic_comes_with_the_first_reject(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    sink = await begun(new_sink())
    assert f"{namespace}_job_dlq" not in topics.names()
    await sink.begin()
    for _ in range(2):
        for batch in one(b"reject"):
            await sink.send_rejects(batch)
    assert await sink.flush() == Delivered({}, (0, 2))
    await sink.commit(START)
    assert await values(topics, f"{namespace}_job_dlq") == [b"reject", b"reject"]


async def test_the_dead_letter_topic_comes_with_the_topic_where_asked(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    await begun(new_sink(dlq_always=True))
    assert f"{namespace}_job_dlq" in topics.names()


# what goes wrong


async def test_an_uncommitted_transaction_is_never_seen(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    sink = await begun(new_sink())
    await deliver(sink, one(b"committed"), replace(START, delivered=1))
    await sink.begin()
    for batch in one(b"given up"):
        await sink.send(batch)
    await sink.flush()
    await sink.close()
    again = new_sink()
    found = await again.start()
    assert found is not None
    assert found.delivered == 1
    await deliver(again, one(b"next"), replace(START, delivered=2))
    assert await values(topics, f"{namespace}_job") == [b"committed", b"next"]


@pytest.mark.parametrize("at", ["begin", "send", "flush", "commit"])
async def test_an_older_sink_is_fenced(at: str, new_sink: NewSink, topics: Topics, namespace: str) -> None:
    old = await begun(new_sink())
    steps: list[tuple[str, Callable[[], Awaitable[object]]]] = [
        ("begin", old.begin),
        ("send", lambda: old.send(one(b"old")[0])),
        ("flush", old.flush),
        ("commit", lambda: old.commit(replace(START, delivered=1))),
    ]
    newer = new_sink()
    error: Exception | None = None
    for name, step in steps:
        if name == at:
            assert await newer.start() == START
        if (error := await raised_by(step())) is not None:
            break
    assert isinstance(error, FencedError)
    # nothing can be done with it any more
    for _, step in steps:
        assert isinstance(await raised_by(step()), RetriableError)
    await deliver(newer, one(b"new"), replace(START, delivered=1))
    assert await values(topics, f"{namespace}_job") == [b"new"]


async def test_a_failed_batch_fails_the_transaction(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    sink = await begun(new_sink(partitions=2))
    await sink.begin()
    await sink.send(one(b"fine", 1)[0])
    await sink.send(frame([(None, os.urandom(1_100_000), [])], 0, Codec.NONE)[0])
    with pytest.raises(JobError, match="too large") as raised:
        await sink.flush()
    assert raised.value.code is JobCode.TOPIC_DENIED
    assert "max.message.bytes" in raised.value.hint
    with pytest.raises(RetriableError):
        await sink.commit(replace(START, delivered=2))
    await sink.close()
    assert await new_sink(partitions=2).start() == START
    assert await values(topics, f"{namespace}_job") == []


async def test_a_commit_needs_a_flush(new_sink: NewSink) -> None:
    sink = await begun(new_sink())
    await sink.begin()
    with pytest.raises(RuntimeError):
        await sink.commit(START)


async def test_a_transaction_out_of_time_is_given_up(
    new_sink: NewSink, topics: Topics, namespace: str
) -> None:
    await begun(new_sink())
    sink = new_sink(timeouts=SinkTimeouts(transaction=0.0))
    assert await sink.start() == START
    assert isinstance(await raised_by(deliver(sink, one(b"late"), START)), RetriableError)
    await sink.close()
    assert await new_sink().start() == START
    assert await values(topics, f"{namespace}_job") == []


async def test_the_brokers_limit_on_transactions_is_named(new_sink: NewSink) -> None:
    sink = new_sink(timeouts=SinkTimeouts(transaction=3_600.0))  # the broker's default: 15 minutes
    with pytest.raises(JobError) as raised:
        await sink.start()
    assert "transaction.max.timeout.ms" in raised.value.hint


async def test_no_broker_is_retriable_at_once(namespace: str) -> None:
    async with NewSink(KafkaConnection("127.0.0.1:1"), namespace) as new:
        with pytest.raises(RetriableError):
            await new().start()
