"""Delivers one job's batches to Kafka, in transactions of the job's own transactional id."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from connectors.api import Batch, Delivered, Progress
from connectors.errors import RetriableError
from connectors.kafka.clients import ClientPool, LentClient
from connectors.kafka.cluster import committed_offset, end_offsets, partition_leaders
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.deliveries import Deliveries
from connectors.kafka.failures import CLIENT_ERRORS, delivery_error
from connectors.kafka.finished import FinishedBatch
from connectors.kafka.topics import TopicAdmin, TopicSpec, job_topic_configs
from connectors.kafka.transactional import close_producer, failure_of, new_producer

__all__ = ["JobTopics", "KafkaSink", "SinkTimeouts"]

_log = logging.getLogger(__name__)

_IN_FLIGHT_BYTES = 8 * 1024 * 1024
_METADATA_BYTES = 4096  # the broker's default `offset.metadata.max.bytes`
_PROGRESS_PARTITION = 0
_DLQ_PARTITION = 0


@dataclass(frozen=True, slots=True)
class JobTopics:
    """Where a job writes. `partitions` is what its topic is made with: a shared one may have more.

    `dlq_always`: the dead letter topic is made with the job's topic, not at need.
    """

    topic: str
    partitions: int
    dlq_topic: str
    retention_hours: float
    shared: bool = False
    dlq_always: bool = False


@dataclass(frozen=True, slots=True)
class SinkTimeouts:
    """Seconds. `start` bounds fencing and reading the progress: an earlier transaction may take minutes to
    end. `transaction` bounds begin to commit; the broker's own limit is longer by `grace`, so that ours comes
    first. `ask` bounds questions outside a transaction, `abort` the attempt to abort while closing.
    """

    start: float = 180.0
    transaction: float = 60.0
    grace: float = 10.0
    ask: float = 30.0
    abort: float = 3.0


class _State(Enum):
    NEW = auto()
    READY = auto()
    OPEN = auto()
    FLUSHED = auto()
    BROKEN = auto()
    CLOSED = auto()


class KafkaSink:
    """The Sink of `connectors.api` on a transactional producer.

    Progress is the committed offset of group `<namespace>-<job_id>` on partition 0 of the job's topic: offset
    = rows read, metadata = Progress JSON. It is read after fencing only: before, a commit may be under way.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        admin: TopicAdmin,
        topics: JobTopics,
        *,
        namespace: str,
        job_id: str,
        timeouts: SinkTimeouts | None = None,
        clients: ClientPool | None = None,
    ) -> None:
        self._connection = connection
        self._admin = admin
        self._topics = topics
        self._id = f"{namespace}-{job_id}"  # transactional id and group
        self._timeouts = timeouts or SinkTimeouts()
        self._clients = clients or ClientPool(connection, idle_seconds=0)
        self._client: LentClient | None = None
        self._state = _State.NEW
        self._producer: AIOKafkaProducer | None = None
        self._deliveries = Deliveries()
        self._deadline = 0.0
        self._dlq_made = False
        self._dlq_written = False

    async def start(self) -> Progress | None:
        self._expect(_State.NEW)
        async with self._guarded("start", asyncio.get_running_loop().time() + self._timeouts.start):
            limit = self._timeouts.transaction + self._timeouts.grace
            self._client = await self._clients.take()
            self._producer = new_producer(
                self._connection, self._id, transaction_timeout=limit, client=self._client
            )
            await self._producer.start()
            found = await committed_offset(
                self._producer.client, self._id, self._topics.topic, _PROGRESS_PARTITION
            )
        self._state = _State.READY
        return None if found is None else Progress.from_json(json.loads(found.metadata))

    async def create_topics(self) -> int:
        self._expect(_State.READY)
        specs = [self._spec(self._topics.topic, self._topics.partitions)]
        if self._topics.dlq_always:
            specs.append(self._spec(self._topics.dlq_topic, 1))
        await self._admin.create(specs)
        self._dlq_made = self._topics.dlq_always
        if not self._topics.shared:
            return self._topics.partitions
        async with self._guarded("count the partitions", self._soon()):
            return len(await partition_leaders(self._running().client, self._topics.topic))

    async def begin(self) -> None:
        self._expect(_State.READY)
        self._deadline = asyncio.get_running_loop().time() + self._timeouts.transaction
        async with self._guarded("begin", self._deadline):
            await self._running().begin_transaction()
        self._deliveries = Deliveries()
        self._dlq_written = False
        self._state = _State.OPEN

    async def send(self, batch: Batch) -> None:
        await self._send(batch, self._topics.topic, rejects=False)

    async def send_rejects(self, batch: Batch) -> None:
        self._expect(_State.OPEN)
        if not self._dlq_made:
            async with self._guarded("create the dead letter topic", self._deadline):
                await self._admin.create([self._spec(self._topics.dlq_topic, 1)])
            self._dlq_made = True
        self._dlq_written = True
        await self._send(batch, self._topics.dlq_topic, rejects=True)

    async def flush(self) -> Delivered:
        self._expect(_State.OPEN)
        async with self._guarded("deliver", self._deadline):
            delivered = await self._deliveries.wait_all()
        self._state = _State.FLUSHED
        return delivered

    async def commit(self, progress: Progress) -> None:
        self._expect(_State.FLUSHED)
        metadata = json.dumps(progress.to_json(), separators=(",", ":"))
        assert len(metadata) < _METADATA_BYTES, "progress is too large for a committed offset"
        offsets = {
            TopicPartition(self._topics.topic, _PROGRESS_PARTITION): OffsetAndMetadata(
                progress.rows_read, metadata
            )
        }
        if progress.dead_letters is not None and (self._dlq_written or progress.redo is not None):
            # the progress is what counts; this one shows the unresolved rejects as the group's lag
            letters = TopicPartition(self._topics.dlq_topic, _DLQ_PARTITION)
            offsets[letters] = OffsetAndMetadata(progress.dead_letters[0], "")
        async with self._guarded("commit", self._deadline):
            await self._running().send_offsets_to_transaction(offsets, self._id)
            await self._running().commit_transaction()
        self._state = _State.READY

    async def end_offsets(self) -> dict[int, int]:
        """The high watermarks: the last stable offsets lag behind a commit that was just acknowledged."""
        return await self._end_offsets(self._topics.topic)

    async def dead_letter_end(self) -> int:
        return (await self._end_offsets(self._topics.dlq_topic)).get(_DLQ_PARTITION, 0)

    async def close(self) -> None:
        state, self._state = self._state, _State.CLOSED
        self._deliveries.abandon()
        producer, self._producer = self._producer, None
        client, self._client = self._client, None
        if producer is None or client is None:
            return
        in_order = False
        try:
            await self._close_producer(producer, state)
            in_order = state is _State.READY
        finally:
            await self._clients.give_back(client, reusable=in_order)

    async def _close_producer(self, producer: AIOKafkaProducer, state: _State) -> None:
        try:
            if state in (_State.OPEN, _State.FLUSHED, _State.BROKEN):
                await self._abort(producer)
        finally:
            await close_producer(producer)

    async def _abort(self, producer: AIOKafkaProducer) -> None:
        """Spare the topic's readers the wait for the broker's own limit."""
        try:
            async with asyncio.timeout(self._timeouts.abort):
                await producer.abort_transaction()
        except CLIENT_ERRORS as error:
            _log.debug("transaction of %s was not aborted: %r", self._id, error)

    async def _end_offsets(self, topic: str) -> dict[int, int]:
        self._expect(_State.READY)
        async with self._guarded("ask for end offsets", self._soon()):
            return await end_offsets(self._running().client, topic, committed=False)

    def _soon(self) -> float:
        return asyncio.get_running_loop().time() + self._timeouts.ask

    async def _send(self, batch: Batch, topic: str, *, rejects: bool) -> None:
        self._expect(_State.OPEN)
        async with self._guarded("deliver", self._deadline):
            await self._deliveries.wait_below(_IN_FLIGHT_BYTES)
            future = await self._running().send_batch(FinishedBatch(batch), topic, partition=batch.partition)
            self._deliveries.add(batch, future, rejects=rejects)

    @asynccontextmanager
    async def _guarded(self, doing: str, deadline: float) -> AsyncIterator[None]:
        """Bound what is inside and say what its errors mean; after any, only `close` is left."""
        try:
            async with asyncio.timeout_at(deadline) as limit:
                yield
        except CLIENT_ERRORS as error:
            self._state = _State.BROKEN
            if limit.expired():
                raise RetriableError(
                    f"could not {doing} in time: `{self._id}` at `{self._servers}`"
                ) from error
            cause = error if self._producer is None else failure_of(self._producer) or error
            raise delivery_error(cause, topic=self._topics.topic, transactional_id=self._id) from error
        except BaseException:
            self._state = _State.BROKEN
            raise

    def _expect(self, state: _State) -> None:
        if self._state is _State.BROKEN:
            raise RetriableError(f"the transaction of `{self._id}` is broken; close it and begin again")
        if self._state is not state:
            raise RuntimeError(f"sink is {self._state.name}, the call needs {state.name}")

    def _running(self) -> AIOKafkaProducer:
        assert self._producer is not None
        return self._producer

    def _spec(self, topic: str, partitions: int) -> TopicSpec:
        return TopicSpec(topic, partitions, job_topic_configs(self._connection, self._topics.retention_hours))

    @property
    def _servers(self) -> str:
        return self._connection.bootstrap_servers
